"""The pytest plugin with which users test their own code against the twin."""
