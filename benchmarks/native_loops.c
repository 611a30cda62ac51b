/* The peers of native.py in C: XOR 2-2-1, a chain of neurons, a line, and restarts of XOR, whole descents.
 *
 * As in the neuron.c of steepest.bench: REAL is double or float, every descent is written several ways that compute
 * the same, and the fastest is the peer. ROWS is known at compile time where the data is small.
 */
#include <math.h>

#ifdef SINGLE
typedef float REAL;
#define EXP expf
#else
typedef double REAL;
#define EXP exp
#endif
#ifndef ROWS
#define ROWS 4
#endif

#define ALIGNED _Alignas(64)
#define SIGMOID(v) (1 / (1 + EXP(-(v))))
#define ARGUMENTS const REAL *const *columns, long rows, REAL *restrict p, REAL rate, long epochs

#ifdef __has_builtin
#if __has_builtin(__builtin_shufflevector)
#define VECTORS
#endif
#endif

/* -- XOR by two inputs, two hidden neurons and one output: p = W1 (by rows), b1, W2, b2 --------------------------- */

#if ROWS == 4
#define N 4
#define XOR_ENTER                                                                                   \
    ALIGNED REAL X1[N], X2[N], Y[N];                                                                \
    for (int i = 0; i < N; i++) {                                                                   \
        X1[i] = columns[0][i], X2[i] = columns[1][i], Y[i] = columns[2][i];                         \
    }                                                                                               \
    REAL a = p[0], b = p[1], c = p[2], d = p[3], e = p[4], f = p[5], u = p[6], v = p[7], w = p[8];  \
    const REAL step = 2 * rate / N;                                                                 \
    (void)rows;
#define XOR_LEAVE p[0] = a, p[1] = b, p[2] = c, p[3] = d, p[4] = e, p[5] = f, p[6] = u, p[7] = v, p[8] = w;
#define DOT(q, r) ((q[0] * r[0] + q[1] * r[1]) + (q[2] * r[2] + q[3] * r[3]))
#define SUM(q) ((q[0] + q[1]) + (q[2] + q[3]))

/* One loop over the samples. */
void xor_fused(ARGUMENTS) {
    XOR_ENTER
    for (long k = 0; k < epochs; k++) {
        REAL ga = 0, gb = 0, gc = 0, gd = 0, ge = 0, gf = 0, gu = 0, gv = 0, gw = 0;
#pragma omp simd reduction(+ : ga, gb, gc, gd, ge, gf, gu, gv, gw)
        for (int i = 0; i < N; i++) {
            const REAL h1 = SIGMOID(a * X1[i] + c * X2[i] + e), h2 = SIGMOID(b * X1[i] + d * X2[i] + f);
            const REAL o = SIGMOID(u * h1 + v * h2 + w), delta = (o - Y[i]) * o * (1 - o);
            const REAL d1 = delta * u * h1 * (1 - h1), d2 = delta * v * h2 * (1 - h2);
            ga += d1 * X1[i], gb += d2 * X1[i], gc += d1 * X2[i], gd += d2 * X2[i], ge += d1, gf += d2;
            gu += delta * h1, gv += delta * h2, gw += delta;
        }
        a -= step * ga, b -= step * gb, c -= step * gc, d -= step * gd, e -= step * ge, f -= step * gf;
        u -= step * gu, v -= step * gv, w -= step * gw;
    }
    XOR_LEAVE
}

/* The exponentials in loops of their own, the sums in pairs. */
void xor_split(ARGUMENTS) {
    XOR_ENTER
    ALIGNED REAL H1[N], H2[N], D[N], D1[N], D2[N];
    for (long k = 0; k < epochs; k++) {
        for (int i = 0; i < N; i++) {
            H1[i] = -(a * X1[i] + c * X2[i] + e), H2[i] = -(b * X1[i] + d * X2[i] + f);
        }
        for (int i = 0; i < N; i++) {
            H1[i] = EXP(H1[i]), H2[i] = EXP(H2[i]);
        }
        for (int i = 0; i < N; i++) {
            H1[i] = 1 / (1 + H1[i]), H2[i] = 1 / (1 + H2[i]);
        }
        for (int i = 0; i < N; i++) {
            D[i] = EXP(-(u * H1[i] + v * H2[i] + w));
        }
        for (int i = 0; i < N; i++) {
            const REAL o = 1 / (1 + D[i]);
            D[i] = step * (o - Y[i]) * o * (1 - o);
            D1[i] = D[i] * u * H1[i] * (1 - H1[i]), D2[i] = D[i] * v * H2[i] * (1 - H2[i]);
        }
        a -= DOT(D1, X1), b -= DOT(D2, X1), c -= DOT(D1, X2), d -= DOT(D2, X2), e -= SUM(D1), f -= SUM(D2);
        u -= DOT(D, H1), v -= DOT(D, H2), w -= SUM(D);
    }
    XOR_LEAVE
}

#ifdef VECTORS
typedef REAL V __attribute__((vector_size(N * sizeof(REAL))));
typedef REAL VV __attribute__((vector_size(2 * N * sizeof(REAL))));
/* The sum of the four lanes in each lane; of both halves of eight. */
#define EVERY(sum, v)                                                                                              \
    V sum = v;                                                                                                     \
    sum += __builtin_shufflevector(sum, sum, 1, 0, 3, 2);                                                          \
    sum += __builtin_shufflevector(sum, sum, 2, 3, 0, 1);
#define HALVES(sum, v)                                                                                             \
    VV sum = v;                                                                                                    \
    sum += __builtin_shufflevector(sum, sum, 1, 0, 3, 2, 5, 4, 7, 6);                                              \
    sum += __builtin_shufflevector(sum, sum, 2, 3, 0, 1, 6, 7, 4, 5);
#define EXPS(e, m, n)                 \
    _Pragma("omp simd")               \
    for (int i = 0; i < n; i++) {     \
        e[i] = EXP(m[i]);             \
    }

/* The four samples as a vector. */
void xor_vector(ARGUMENTS) {
    const REAL *x1 = columns[0], *x2 = columns[1], *y = columns[2];
    const V zero = {0}, X1 = {x1[0], x1[1], x1[2], x1[3]}, X2 = {x2[0], x2[1], x2[2], x2[3]};
    const V Y = {y[0], y[1], y[2], y[3]};
    V a = p[0] + zero, b = p[1] + zero, c = p[2] + zero, d = p[3] + zero, e = p[4] + zero, f = p[5] + zero;
    V u = p[6] + zero, v = p[7] + zero, w = p[8] + zero;
    const REAL step = 2 * rate / N;
    (void)rows;
    for (long k = 0; k < epochs; k++) {
        const V m1 = -(a * X1 + c * X2 + e), m2 = -(b * X1 + d * X2 + f);
        V e1, e2, e3;
        EXPS(e1, m1, N)
        EXPS(e2, m2, N)
        const V h1 = 1 / (1 + e1), h2 = 1 / (1 + e2), m3 = -(u * h1 + v * h2 + w);
        EXPS(e3, m3, N)
        const V o = 1 / (1 + e3), D = step * (o - Y) * (o - o * o);
        const V d1 = D * u * (h1 - h1 * h1), d2 = D * v * (h2 - h2 * h2);
        EVERY(ga, d1 * X1)
        EVERY(gb, d2 * X1)
        EVERY(gc, d1 * X2)
        EVERY(gd, d2 * X2)
        EVERY(ge, d1)
        EVERY(gf, d2)
        EVERY(gu, D * h1)
        EVERY(gv, D * h2)
        EVERY(gw, D)
        a -= ga, b -= gb, c -= gc, d -= gd, e -= ge, f -= gf, u -= gu, v -= gv, w -= gw;
    }
    p[0] = a[0], p[1] = b[0], p[2] = c[0], p[3] = d[0], p[4] = e[0], p[5] = f[0], p[6] = u[0], p[7] = v[0], p[8] = w[0];
}

/* Both hidden neurons of the four samples as a vector of eight. */
void xor_wide(ARGUMENTS) {
    const REAL *x1 = columns[0], *x2 = columns[1], *y = columns[2];
    const V zero = {0}, Y = {y[0], y[1], y[2], y[3]};
    const VV X1 = {x1[0], x1[1], x1[2], x1[3], x1[0], x1[1], x1[2], x1[3]};
    const VV X2 = {x2[0], x2[1], x2[2], x2[3], x2[0], x2[1], x2[2], x2[3]};
    VV a = {p[0], p[0], p[0], p[0], p[1], p[1], p[1], p[1]}, c = {p[2], p[2], p[2], p[2], p[3], p[3], p[3], p[3]};
    VV e = {p[4], p[4], p[4], p[4], p[5], p[5], p[5], p[5]}, u = {p[6], p[6], p[6], p[6], p[7], p[7], p[7], p[7]};
    V w = p[8] + zero;
    const REAL step = 2 * rate / N;
    (void)rows;
    for (long k = 0; k < epochs; k++) {
        const VV m = -(a * X1 + c * X2 + e);
        VV e1;
        EXPS(e1, m, 2 * N)
        const VV h = 1 / (1 + e1), uh = u * h;
        const V m3 = -(__builtin_shufflevector(uh, uh, 0, 1, 2, 3) + __builtin_shufflevector(uh, uh, 4, 5, 6, 7) + w);
        V e3;
        EXPS(e3, m3, N)
        const V o = 1 / (1 + e3), D = step * (o - Y) * (o - o * o);
        const VV DD = __builtin_shufflevector(D, D, 0, 1, 2, 3, 0, 1, 2, 3), dh = DD * u * (h - h * h);
        HALVES(ga, dh * X1)
        HALVES(gc, dh * X2)
        HALVES(ge, dh)
        HALVES(gu, DD * h)
        EVERY(gw, D)
        a -= ga, c -= gc, e -= ge, u -= gu, w -= gw;
    }
    p[0] = a[0], p[1] = a[4], p[2] = c[0], p[3] = c[4], p[4] = e[0], p[5] = e[4], p[6] = u[0], p[7] = u[4], p[8] = w[0];
}
#endif

/* -- many descents of XOR at once: p[j][k] is parameter j of model k, rows how many models there are -------------- */

#define LANES 16

static void some_models(const REAL *const *columns, long models, REAL *restrict p, REAL rate, long epochs) {
    const REAL step = 2 * rate / N;
    ALIGNED REAL Q[9][LANES];
    for (int j = 0; j < 9; j++) {
        for (int l = 0; l < LANES; l++) {
            Q[j][l] = p[j * models + l];
        }
    }
    for (long k = 0; k < epochs; k++) {
#pragma omp simd
        for (int l = 0; l < LANES; l++) {
            REAL a = Q[0][l], b = Q[1][l], c = Q[2][l], d = Q[3][l], e = Q[4][l], f = Q[5][l];
            REAL u = Q[6][l], v = Q[7][l], w = Q[8][l];
            REAL ga = 0, gb = 0, gc = 0, gd = 0, ge = 0, gf = 0, gu = 0, gv = 0, gw = 0;
#pragma GCC unroll 4
            for (int i = 0; i < N; i++) {
                const REAL x1 = columns[0][i], x2 = columns[1][i], y = columns[2][i];
                const REAL h1 = SIGMOID(a * x1 + c * x2 + e), h2 = SIGMOID(b * x1 + d * x2 + f);
                const REAL o = SIGMOID(u * h1 + v * h2 + w), delta = (o - y) * o * (1 - o);
                const REAL d1 = delta * u * h1 * (1 - h1), d2 = delta * v * h2 * (1 - h2);
                ga += d1 * x1, gb += d2 * x1, gc += d1 * x2, gd += d2 * x2, ge += d1, gf += d2;
                gu += delta * h1, gv += delta * h2, gw += delta;
            }
            Q[0][l] = a - step * ga, Q[1][l] = b - step * gb, Q[2][l] = c - step * gc, Q[3][l] = d - step * gd;
            Q[4][l] = e - step * ge, Q[5][l] = f - step * gf;
            Q[6][l] = u - step * gu, Q[7][l] = v - step * gv, Q[8][l] = w - step * gw;
        }
    }
    for (int j = 0; j < 9; j++) {
        for (int l = 0; l < LANES; l++) {
            p[j * models + l] = Q[j][l];
        }
    }
}

/* The same, the exponentials of all samples in loops of their own. */
static void some_models_split(const REAL *const *columns, long models, REAL *restrict p, REAL rate, long epochs) {
    const REAL step = 2 * rate / N;
    ALIGNED REAL Q[9][LANES], H[2 * N][LANES], O[N][LANES];
    for (int j = 0; j < 9; j++) {
        for (int l = 0; l < LANES; l++) {
            Q[j][l] = p[j * models + l];
        }
    }
    for (long k = 0; k < epochs; k++) {
        for (int i = 0; i < N; i++) {
            const REAL x1 = columns[0][i], x2 = columns[1][i];
#pragma omp simd
            for (int l = 0; l < LANES; l++) {
                H[2 * i][l] = -(Q[0][l] * x1 + Q[2][l] * x2 + Q[4][l]);
                H[2 * i + 1][l] = -(Q[1][l] * x1 + Q[3][l] * x2 + Q[5][l]);
            }
        }
        REAL *h = H[0], *o = O[0];
#pragma omp simd
        for (int l = 0; l < 2 * N * LANES; l++) {
            h[l] = 1 / (1 + EXP(h[l]));
        }
        for (int i = 0; i < N; i++) {
#pragma omp simd
            for (int l = 0; l < LANES; l++) {
                O[i][l] = -(Q[6][l] * H[2 * i][l] + Q[7][l] * H[2 * i + 1][l] + Q[8][l]);
            }
        }
#pragma omp simd
        for (int l = 0; l < N * LANES; l++) {
            o[l] = 1 / (1 + EXP(o[l]));
        }
#pragma omp simd
        for (int l = 0; l < LANES; l++) {
            REAL ga = 0, gb = 0, gc = 0, gd = 0, ge = 0, gf = 0, gu = 0, gv = 0, gw = 0;
#pragma GCC unroll 4
            for (int i = 0; i < N; i++) {
                const REAL x1 = columns[0][i], x2 = columns[1][i], h1 = H[2 * i][l], h2 = H[2 * i + 1][l];
                const REAL delta = (O[i][l] - columns[2][i]) * O[i][l] * (1 - O[i][l]);
                const REAL d1 = delta * Q[6][l] * h1 * (1 - h1), d2 = delta * Q[7][l] * h2 * (1 - h2);
                ga += d1 * x1, gb += d2 * x1, gc += d1 * x2, gd += d2 * x2, ge += d1, gf += d2;
                gu += delta * h1, gv += delta * h2, gw += delta;
            }
            Q[0][l] -= step * ga, Q[1][l] -= step * gb, Q[2][l] -= step * gc, Q[3][l] -= step * gd;
            Q[4][l] -= step * ge, Q[5][l] -= step * gf, Q[6][l] -= step * gu, Q[7][l] -= step * gv, Q[8][l] -= step * gw;
        }
    }
    for (int j = 0; j < 9; j++) {
        for (int l = 0; l < LANES; l++) {
            p[j * models + l] = Q[j][l];
        }
    }
}

/* The number of models is a multiple of 16. */
#define EACH(some)                                                                         \
    for (long k = 0; k < rows; k += LANES) {                                               \
        some(columns, rows, p + k, rate, epochs);                                          \
    }

void restarts_fused(ARGUMENTS) { EACH(some_models) }

void restarts_split(ARGUMENTS) { EACH(some_models_split) }

void restarts_fused_threads(ARGUMENTS) { _Pragma("omp parallel for schedule(static)") EACH(some_models) }

void restarts_split_threads(ARGUMENTS) { _Pragma("omp parallel for schedule(static)") EACH(some_models_split) }
#endif

/* -- a chain of neurons: p = w1 ... wD, b1 ... bD -------------------------------------------------------------------- */

#ifndef DEPTH
#define DEPTH 8
#endif

/* Layer by layer, the samples of each in one loop. */
void chain_layers(ARGUMENTS) {
    ALIGNED REAL A[DEPTH + 1][ROWS], Y[ROWS], D[ROWS], W[DEPTH], B[DEPTH];
    const REAL step = 2 * rate / ROWS;
    (void)rows;
    for (int i = 0; i < ROWS; i++) {
        A[0][i] = columns[0][i], Y[i] = columns[1][i];
    }
    for (int l = 0; l < DEPTH; l++) {
        W[l] = p[l], B[l] = p[DEPTH + l];
    }
    for (long k = 0; k < epochs; k++) {
        for (int l = 0; l < DEPTH; l++) {
            const REAL w = W[l], b = B[l];
#pragma omp simd
            for (int i = 0; i < ROWS; i++) {
                A[l + 1][i] = SIGMOID(A[l][i] * w + b);
            }
        }
#pragma omp simd
        for (int i = 0; i < ROWS; i++) {
            D[i] = A[DEPTH][i] - Y[i];
        }
        for (int l = DEPTH - 1; l >= 0; l--) {
            const REAL w = W[l];
            REAL gw = 0, gb = 0;
#pragma omp simd reduction(+ : gw, gb)
            for (int i = 0; i < ROWS; i++) {
                const REAL a = A[l + 1][i], delta = D[i] * a * (1 - a);
                gw += delta * A[l][i];
                gb += delta;
                D[i] = delta * w;
            }
            W[l] -= step * gw;
            B[l] -= step * gb;
        }
    }
    for (int l = 0; l < DEPTH; l++) {
        p[l] = W[l], p[DEPTH + l] = B[l];
    }
}

/* A few samples at a time through the whole chain, the sums kept as vectors until the end of the epoch. */
#define BLOCK (ROWS % 8 == 0 ? 8 : 4)
void chain_blocks(ARGUMENTS) {
    ALIGNED REAL X[ROWS], Y[ROWS], W[DEPTH], B[DEPTH];
    const REAL step = 2 * rate / ROWS;
    (void)rows;
    for (int i = 0; i < ROWS; i++) {
        X[i] = columns[0][i], Y[i] = columns[1][i];
    }
    for (int l = 0; l < DEPTH; l++) {
        W[l] = p[l], B[l] = p[DEPTH + l];
    }
    for (long k = 0; k < epochs; k++) {
        ALIGNED REAL GW[DEPTH][BLOCK] = {{0}}, GB[DEPTH][BLOCK] = {{0}};
        for (int i = 0; i < ROWS; i += BLOCK) {
            ALIGNED REAL A[DEPTH + 1][BLOCK], D[BLOCK];
            for (int j = 0; j < BLOCK; j++) {
                A[0][j] = X[i + j];
            }
            for (int l = 0; l < DEPTH; l++) {
#pragma omp simd
                for (int j = 0; j < BLOCK; j++) {
                    A[l + 1][j] = SIGMOID(A[l][j] * W[l] + B[l]);
                }
            }
#pragma omp simd
            for (int j = 0; j < BLOCK; j++) {
                D[j] = A[DEPTH][j] - Y[i + j];
            }
            for (int l = DEPTH - 1; l >= 0; l--) {
#pragma omp simd
                for (int j = 0; j < BLOCK; j++) {
                    const REAL a = A[l + 1][j], delta = D[j] * a * (1 - a);
                    GW[l][j] += delta * A[l][j];
                    GB[l][j] += delta;
                    D[j] = delta * W[l];
                }
            }
        }
        for (int l = 0; l < DEPTH; l++) {
            REAL gw = 0, gb = 0;
#pragma omp simd reduction(+ : gw, gb)
            for (int j = 0; j < BLOCK; j++) {
                gw += GW[l][j], gb += GB[l][j];
            }
            W[l] -= step * gw;
            B[l] -= step * gb;
        }
    }
    for (int l = 0; l < DEPTH; l++) {
        p[l] = W[l], p[DEPTH + l] = B[l];
    }
}

/* -- a line through many rows: p = w, b ------------------------------------------------------------------------------ */

#define LINE(ways)                                                                      \
    const REAL *restrict x = columns[0], *restrict y = columns[1];                      \
    REAL w = p[0], b = p[1];                                                            \
    const REAL step = 2 * rate / rows;                                                  \
    for (long k = 0; k < epochs; k++) {                                                 \
        REAL gw = 0, gb = 0;                                                            \
        ways                                                                            \
        for (long i = 0; i < rows; i++) {                                               \
            const REAL e = x[i] * w + b - y[i];                                         \
            gw += e * x[i];                                                             \
            gb += e;                                                                    \
        }                                                                               \
        w -= step * gw;                                                                 \
        b -= step * gb;                                                                 \
    }                                                                                   \
    p[0] = w, p[1] = b;

void line_one(ARGUMENTS) { LINE(_Pragma("omp simd reduction(+ : gw, gb)")) }

void line_threads(ARGUMENTS) { LINE(_Pragma("omp parallel for simd schedule(static) reduction(+ : gw, gb)")) }

/* Several sums side by side, so that no addition waits for the one before. */
#define SIDE (256 / (int)sizeof(REAL))
static inline void sums(const REAL *restrict x, const REAL *restrict y, long rows, REAL w, REAL b, REAL *gw, REAL *gb) {
    ALIGNED REAL SW[SIDE] = {0}, SB[SIDE] = {0};
    long i = 0;
    for (; i + SIDE <= rows; i += SIDE) {
#pragma omp simd
        for (int j = 0; j < SIDE; j++) {
            const REAL e = x[i + j] * w + b - y[i + j];
            SW[j] += e * x[i + j];
            SB[j] += e;
        }
    }
    REAL tw = 0, tb = 0;
    for (; i < rows; i++) {
        const REAL e = x[i] * w + b - y[i];
        tw += e * x[i], tb += e;
    }
    for (int j = 0; j < SIDE; j++) {
        tw += SW[j], tb += SB[j];
    }
    *gw = tw, *gb = tb;
}

void line_side(ARGUMENTS) {
    const REAL *restrict x = columns[0], *restrict y = columns[1];
    REAL w = p[0], b = p[1];
    const REAL step = 2 * rate / rows;
    for (long k = 0; k < epochs; k++) {
        REAL gw, gb;
        sums(x, y, rows, w, b, &gw, &gb);
        w -= step * gw, b -= step * gb;
    }
    p[0] = w, p[1] = b;
}

/* Both: each thread its own part, with sums side by side. */
void line_side_threads(ARGUMENTS) {
    const REAL *restrict x = columns[0], *restrict y = columns[1];
    REAL w = p[0], b = p[1];
    const REAL step = 2 * rate / rows;
    const long parts = 64;
    for (long k = 0; k < epochs; k++) {
        REAL gw = 0, gb = 0;
#pragma omp parallel for schedule(static) reduction(+ : gw, gb)
        for (long part = 0; part < parts; part++) {
            const long from = rows * part / parts, to = rows * (part + 1) / parts;
            REAL tw, tb;
            sums(x + from, y + from, to - from, w, b, &tw, &tb);
            gw += tw, gb += tb;
        }
        w -= step * gw, b -= step * gb;
    }
    p[0] = w, p[1] = b;
}
