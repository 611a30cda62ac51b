/* How fast memory can be read: two arrays of doubles, by several threads, each its own part, summed so that it counts. */
#include <pthread.h>
#include <stddef.h>
#include <time.h>

#define MOST 64

struct part {
    const double *x, *y;
    size_t from, to;
    double sum;
};

static void *read_part(void *argument) {
    struct part *part = argument;
    const double *restrict x = part->x, *restrict y = part->y;
    double sum = 0;
    for (size_t i = part->from; i < part->to; i++) {
        sum += x[i] + y[i];
    }
    part->sum = sum;
    return NULL;
}

/* Seconds that reading both arrays takes; the sum is written to where it cannot be left out. */
double read_seconds(const double *x, const double *y, size_t length, int threads, double *sum) {
    pthread_t running[MOST];
    struct part parts[MOST];
    struct timespec begin, end;
    if (threads < 1 || threads > MOST) {
        return -1;
    }
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (int k = 0; k < threads; k++) {
        parts[k] = (struct part){x, y, length * k / threads, length * (k + 1) / threads, 0};
        if (k && pthread_create(&running[k], NULL, read_part, &parts[k])) {
            return -1;
        }
    }
    read_part(&parts[0]);
    *sum = parts[0].sum;
    for (int k = 1; k < threads; k++) {
        pthread_join(running[k], NULL);
        *sum += parts[k].sum;
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    return (double)(end.tv_sec - begin.tv_sec) + 1e-9 * (double)(end.tv_nsec - begin.tv_nsec);
}
