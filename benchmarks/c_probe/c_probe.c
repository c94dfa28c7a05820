/* The physical limit of a periodic loop on this machine.
 *
 *     c_probe TICKS PERIOD_NS TIER PRIORITY
 *
 * Sleeps to absolute deadlines, notes how late it woke, does nothing else, and prints
 * one JSON object. TIER is a name of lumina.privileges.PrivilegeTier, the one
 * that the loop beside it reached; PRIORITY is the real-time priority or the niceness.
 *
 * Counting is the loop's: a start one period late or more is missed, and so is every
 * deadline that had passed by then; those are skipped. Exit status 3: the tier cannot
 * be reached.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>

#define NS_PER_S 1000000000LL

static int64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * NS_PER_S + now.tv_nsec;
}

static void sleep_until(int64_t deadline_ns)
{
    struct timespec until = {deadline_ns / NS_PER_S, deadline_ns % NS_PER_S};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
        ;
}

static int set_fifo(int priority)
{
    struct sched_param param = {.sched_priority = priority};
    return sched_setscheduler(0, SCHED_FIFO, &param) == 0;
}

static int reach_tier(const char *tier, int priority)
{
    if (prctl(PR_SET_TIMERSLACK, 1) != 0)
        return 0;
    if (strcmp(tier, "FIFO_LOCKED") == 0)
        return set_fifo(priority) && mlockall(MCL_CURRENT) == 0;
    if (strcmp(tier, "FIFO") == 0)
        return set_fifo(priority);
    if (strcmp(tier, "NICE") == 0)
        return setpriority(PRIO_PROCESS, 0, priority) == 0;
    errno = EINVAL;
    return strcmp(tier, "TIMER_SLACK") == 0;
}

static int ascending(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

static int64_t percentile(const int64_t *sorted, int64_t count, double share)
{
    int64_t rank = (int64_t)(share * (double)count);
    return sorted[rank < count ? rank : count - 1];
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: c_probe TICKS PERIOD_NS TIER PRIORITY\n");
        return 2;
    }
    int64_t ticks = atoll(argv[1]), period_ns = atoll(argv[2]);
    if (ticks < 1 || period_ns < 1) {
        fprintf(stderr, "TICKS and PERIOD_NS must be positive\n");
        return 2;
    }
    /* Touched before the loop, so that no page fault is measured as lateness. */
    int64_t *lateness_ns = malloc((size_t)ticks * sizeof *lateness_ns);
    if (lateness_ns == NULL)
        return 1;
    memset(lateness_ns, 0xff, (size_t)ticks * sizeof *lateness_ns);
    if (!reach_tier(argv[3], atoi(argv[4]))) {
        fprintf(stderr, "tier %s, priority %s: %s\n", argv[3], argv[4], strerror(errno));
        return 3;
    }

    int64_t started = 0, missed = 0;
    int64_t cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    int64_t first_ns = clock_ns(CLOCK_MONOTONIC) + period_ns;
    for (int64_t tick = 0; tick < ticks;) {
        sleep_until(first_ns + tick * period_ns);
        int64_t late_ns = clock_ns(CLOCK_MONOTONIC) - (first_ns + tick * period_ns);
        int64_t skipped = late_ns / period_ns;
        lateness_ns[started++] = late_ns;
        missed += skipped > 0 ? 1 + skipped : 0;
        tick += 1 + skipped;
    }
    int64_t wall_ns = clock_ns(CLOCK_MONOTONIC) - first_ns;
    cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_ns;

    qsort(lateness_ns, (size_t)started, sizeof *lateness_ns, ascending);
    printf("{\"ticks\": %lld, \"started\": %lld, \"missed\": %lld, ",
           (long long)ticks, (long long)started, (long long)missed);
    printf("\"p50_ns\": %lld, \"p99_ns\": %lld, \"p999_ns\": %lld, \"max_ns\": %lld, ",
           (long long)percentile(lateness_ns, started, 0.5),
           (long long)percentile(lateness_ns, started, 0.99),
           (long long)percentile(lateness_ns, started, 0.999),
           (long long)lateness_ns[started - 1]);
    printf("\"cpu_ns\": %lld, \"wall_ns\": %lld}\n", (long long)cpu_ns, (long long)wall_ns);
    free(lateness_ns);
    return 0;
}
