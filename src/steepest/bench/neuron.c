/* The NAND neuron of the notes in C: gradient descent and forward finite differences, the whole loop.
 *
 * C = 1/n sum (a - z)^2 with a = sigmoid(x w1 + y w2 + b), n = 4 samples. Compiled twice, with REAL as double and as
 * float. Every method is written several ways that compute the same; the bench takes the one that this compiler makes
 * the fastest. Where the compiler may reorder sums (-ffast-math), GCC turns the loops that are marked `omp simd` into
 * vectors with the exp of libmvec; left to itself it takes loops of four apart first, and then calls exp four times.
 *
 * A step takes the columns x, y, z, the parameters p = (w1, w2, b), which it moves, the rate, the epsilon of the
 * differences and the number of epochs.
 */
#include <math.h>

#ifdef SINGLE
typedef float REAL;
#define EXP expf
#else
typedef double REAL;
#define EXP exp
#endif

#define N 4
#define P 3
#define POINTS (P + 1)
#define ALL (N * POINTS)
#define ALIGNED _Alignas(64)
#define ARGUMENTS \
    const REAL *restrict x, const REAL *restrict y, const REAL *restrict z, REAL *restrict p, REAL rate, REAL epsilon, \
        long epochs
/* Local copies, which the compiler knows nobody else sees. */
#define ENTER                                  \
    REAL w1 = p[0], w2 = p[1], b = p[2];       \
    ALIGNED REAL X[N], Y[N], Z[N];             \
    for (int i = 0; i < N; i++) {              \
        X[i] = x[i], Y[i] = y[i], Z[i] = z[i]; \
    }
#define LEAVE p[0] = w1, p[1] = w2, p[2] = b;

REAL cost(const REAL *x, const REAL *y, const REAL *z, const REAL *p) {
    REAL sum = 0;
    for (int i = 0; i < N; i++) {
        const REAL a = 1 / (1 + EXP(-(x[i] * p[0] + y[i] * p[1] + p[2])));
        sum += (a - z[i]) * (a - z[i]);
    }
    return sum / N;
}

/* -- gradient descent ------------------------------------------------------------------------------------------ */

/* One loop over the samples. */
void gd_fused(ARGUMENTS) {
    ENTER
    const REAL step = 2 * rate / N;
    (void)epsilon;
    for (long k = 0; k < epochs; k++) {
        REAL g1 = 0, g2 = 0, gb = 0;
#pragma omp simd reduction(+ : g1, g2, gb)
        for (int i = 0; i < N; i++) {
            const REAL a = 1 / (1 + EXP(-(X[i] * w1 + Y[i] * w2 + b)));
            const REAL delta = (a - Z[i]) * a * (1 - a);
            g1 += delta * X[i];
            g2 += delta * Y[i];
            gb += delta;
        }
        w1 -= step * g1;
        w2 -= step * g2;
        b -= step * gb;
    }
    LEAVE
}

/* The exponentials in a loop of their own, the sums in pairs. */
void gd_split(ARGUMENTS) {
    ENTER
    const REAL step = 2 * rate / N;
    (void)epsilon;
    for (long k = 0; k < epochs; k++) {
        ALIGNED REAL E[N], D[N];
        for (int i = 0; i < N; i++) {
            E[i] = EXP(-(X[i] * w1 + Y[i] * w2 + b));
        }
        for (int i = 0; i < N; i++) {
            const REAL a = 1 / (1 + E[i]);
            D[i] = step * (a - Z[i]) * a * (1 - a);
        }
        w1 -= (D[0] * X[0] + D[1] * X[1]) + (D[2] * X[2] + D[3] * X[3]);
        w2 -= (D[0] * Y[0] + D[1] * Y[1]) + (D[2] * Y[2] + D[3] * Y[3]);
        b -= (D[0] + D[1]) + (D[2] + D[3]);
    }
    LEAVE
}

/* Sample by sample, written out. */
void gd_rows(ARGUMENTS) {
    ENTER
    const REAL step = 2 * rate / N;
    const REAL x0 = X[0], x1 = X[1], x2 = X[2], x3 = X[3], y0 = Y[0], y1 = Y[1], y2 = Y[2], y3 = Y[3];
    (void)epsilon;
    for (long k = 0; k < epochs; k++) {
        const REAL e0 = EXP(-(x0 * w1 + y0 * w2 + b)), e1 = EXP(-(x1 * w1 + y1 * w2 + b));
        const REAL e2 = EXP(-(x2 * w1 + y2 * w2 + b)), e3 = EXP(-(x3 * w1 + y3 * w2 + b));
        const REAL a0 = 1 / (1 + e0), a1 = 1 / (1 + e1), a2 = 1 / (1 + e2), a3 = 1 / (1 + e3);
        const REAL d0 = step * (a0 - Z[0]) * a0 * (1 - a0), d1 = step * (a1 - Z[1]) * a1 * (1 - a1);
        const REAL d2 = step * (a2 - Z[2]) * a2 * (1 - a2), d3 = step * (a3 - Z[3]) * a3 * (1 - a3);
        w1 -= (d0 * x0 + d1 * x1) + (d2 * x2 + d3 * x3);
        w2 -= (d0 * y0 + d1 * y1) + (d2 * y2 + d3 * y3);
        b -= (d0 + d1) + (d2 + d3);
    }
    LEAVE
}

/* The four samples as one vector: each sum by two exchanges, which leave it in every lane for the next epoch. */
#if defined __has_builtin
#if __has_builtin(__builtin_shufflevector)
#define VECTORS
#endif
#endif
#ifdef VECTORS
typedef REAL V __attribute__((vector_size(N * sizeof(REAL))));
#define EVERYWHERE(sum, v)                                               \
    V sum = v + __builtin_shufflevector(v, v, 1, 0, 3, 2);               \
    sum = sum + __builtin_shufflevector(sum, sum, 2, 3, 0, 1);
void gd_vector(ARGUMENTS) {
    const V zero = {0}, X = {x[0], x[1], x[2], x[3]}, Y = {y[0], y[1], y[2], y[3]}, Z = {z[0], z[1], z[2], z[3]};
    const REAL step = 2 * rate / N;
    const V sx = step * X, sy = step * Y;
    V w1 = p[0] + zero, w2 = p[1] + zero, b = p[2] + zero;
    (void)epsilon;
    for (long k = 0; k < epochs; k++) {
        const V m = -(X * w1 + Y * w2 + b);
        V e;
#pragma omp simd
        for (int i = 0; i < N; i++) {
            e[i] = EXP(m[i]);
        }
        const V a = 1 / (1 + e);
        const V delta = (a - Z) * (a - a * a);
        const V g1 = delta * sx, g2 = delta * sy, gb = delta * step;
        EVERYWHERE(s1, g1)
        EVERYWHERE(s2, g2)
        EVERYWHERE(sb, gb)
        w1 -= s1;
        w2 -= s2;
        b -= sb;
    }
    p[0] = w1[0], p[1] = w2[0], p[2] = b[0];
}
#endif

/* -- forward finite differences: P + 1 costs an epoch -------------------------------------------------------------- */

static inline REAL cost_at(const REAL *X, const REAL *Y, const REAL *Z, REAL w1, REAL w2, REAL b) {
    REAL sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int i = 0; i < N; i++) {
        const REAL a = 1 / (1 + EXP(-(X[i] * w1 + Y[i] * w2 + b)));
        sum += (a - Z[i]) * (a - Z[i]);
    }
    return sum / N;
}

/* The cost as a function, called four times. */
void fd_calls(ARGUMENTS) {
    ENTER
    const REAL step = rate / epsilon;
    for (long k = 0; k < epochs; k++) {
        const REAL here = cost_at(X, Y, Z, w1, w2, b);
        const REAL c1 = cost_at(X, Y, Z, w1 + epsilon, w2, b);
        const REAL c2 = cost_at(X, Y, Z, w1, w2 + epsilon, b);
        const REAL cb = cost_at(X, Y, Z, w1, w2, b + epsilon);
        w1 -= step * (c1 - here);
        w2 -= step * (c2 - here);
        b -= step * (cb - here);
    }
    LEAVE
}

/* All samples at all four points in one array, sample by sample. */
#define SPREAD                                                          \
    ALIGNED REAL H1[ALL], H2[ALL], HB[ALL], XX[ALL], YY[ALL], ZZ[ALL];  \
    for (int i = 0; i < N; i++) {                                       \
        for (int j = 0; j < POINTS; j++) {                              \
            const int k = POINTS * i + j;                               \
            H1[k] = j == 1 ? epsilon : 0;                               \
            H2[k] = j == 2 ? epsilon : 0;                               \
            HB[k] = j == 3 ? epsilon : 0;                               \
            XX[k] = X[i], YY[k] = Y[i], ZZ[k] = Z[i];                   \
        }                                                               \
    }

void fd_flat(ARGUMENTS) {
    ENTER
    SPREAD
    const REAL step = rate / (epsilon * N);
    for (long k = 0; k < epochs; k++) {
        ALIGNED REAL E[ALL], C[POINTS];
#pragma omp simd
        for (int i = 0; i < ALL; i++) {
            const REAL a = 1 / (1 + EXP(-(XX[i] * (w1 + H1[i]) + YY[i] * (w2 + H2[i]) + (b + HB[i]))));
            E[i] = (a - ZZ[i]) * (a - ZZ[i]);
        }
        for (int j = 0; j < POINTS; j++) {
            C[j] = (E[j] + E[POINTS + j]) + (E[2 * POINTS + j] + E[3 * POINTS + j]);
        }
        w1 -= step * (C[1] - C[0]);
        w2 -= step * (C[2] - C[0]);
        b -= step * (C[3] - C[0]);
    }
    LEAVE
}

/* The same, the exponentials in a loop of their own. */
void fd_split(ARGUMENTS) {
    ENTER
    SPREAD
    const REAL step = rate / (epsilon * N);
    for (long k = 0; k < epochs; k++) {
        ALIGNED REAL E[ALL], C[POINTS];
#pragma omp simd
        for (int i = 0; i < ALL; i++) {
            E[i] = -(XX[i] * (w1 + H1[i]) + YY[i] * (w2 + H2[i]) + (b + HB[i]));
        }
#pragma omp simd
        for (int i = 0; i < ALL; i++) {
            E[i] = EXP(E[i]);
        }
#pragma omp simd
        for (int i = 0; i < ALL; i++) {
            const REAL a = 1 / (1 + E[i]);
            E[i] = (a - ZZ[i]) * (a - ZZ[i]);
        }
#pragma omp simd
        for (int j = 0; j < POINTS; j++) {
            C[j] = (E[j] + E[POINTS + j]) + (E[2 * POINTS + j] + E[3 * POINTS + j]);
        }
        w1 -= step * (C[1] - C[0]);
        w2 -= step * (C[2] - C[0]);
        b -= step * (C[3] - C[0]);
    }
    LEAVE
}

/* The exponents by sample and point, each its own line, then the exponentials, then the costs. */
void fd_points(ARGUMENTS) {
    ENTER
    const REAL step = rate / (epsilon * N);
    for (long k = 0; k < epochs; k++) {
        ALIGNED REAL E[ALL], C[POINTS];
        for (int i = 0; i < N; i++) {
            E[i] = -(X[i] * w1 + Y[i] * w2 + b);
            E[N + i] = -(X[i] * (w1 + epsilon) + Y[i] * w2 + b);
            E[2 * N + i] = -(X[i] * w1 + Y[i] * (w2 + epsilon) + b);
            E[3 * N + i] = -(X[i] * w1 + Y[i] * w2 + (b + epsilon));
        }
        for (int i = 0; i < ALL; i++) {
            E[i] = EXP(E[i]);
        }
        for (int j = 0; j < POINTS; j++) {
            REAL sum = 0;
            for (int i = 0; i < N; i++) {
                const REAL a = 1 / (1 + E[N * j + i]);
                sum += (a - Z[i]) * (a - Z[i]);
            }
            C[j] = sum;
        }
        w1 -= step * (C[1] - C[0]);
        w2 -= step * (C[2] - C[0]);
        b -= step * (C[3] - C[0]);
    }
    LEAVE
}
