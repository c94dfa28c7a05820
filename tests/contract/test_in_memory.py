"""The same promises over wires in memory, in virtual time."""

import pytest

from tests.contract.test_every_instrument import (  # noqa: F401 - collected here once more
    test_a_refused_value_changes_nothing,
    test_a_request_cancelled_in_its_middle_spoils_nothing,
    test_before_connect_and_after_close_it_says_so,
    test_it_tells_who_it_is_and_again_after_a_pause,
    test_made_safe_it_is_safe_and_stays_so,
    test_readings_are_in_their_units,
    test_tasks_that_ask_at_once_get_their_own_answers,
    test_what_is_set_is_read_back,
)

IN_MEMORY = True
pytestmark = [pytest.mark.timeout(900), pytest.mark.virtual_time]
