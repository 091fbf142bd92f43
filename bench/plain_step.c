/*
 * A peer of `dtt bench`: GPT-2's training step in plain C, loops and OpenMP alone, no library, fp32; a step for every line read.
 * The CPU trainers that people read to learn are made like this (llm.c's train_gpt2.c is the best known); this one is written anew,
 * with every loop parallel that can be.
 *
 *     gcc -Ofast -march=native -fopenmp bench/plain_step.c -lm -o plain_step && dtt bench --only peer --peer ./plain_step
 */
#include <float.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TILE = 8 }; /* rows that share one read of a weight */

static int L, H, C, M, V, B, T, N; /* layers, heads, width, feed-forward width, ids, windows, tokens of each, rows = B T */
static float *weights, *gradients, *first, *second;
static size_t parameters;

typedef struct { float *w, *g; } Weight;
typedef struct { Weight gain1, bias1, qkv, qkvBias, out, outBias, gain2, bias2, up, upBias, down, downBias; } Block;
typedef struct { float *x, *normed1, *stats1, *heads, *share, *mixed, *middle, *normed2, *stats2, *wide, *activated, *y; } Saved;

static Weight weight(size_t n) {
    Weight w = { weights ? weights + parameters : NULL, gradients ? gradients + parameters : NULL };
    parameters += n;
    return w;
}

static float *room(size_t n) { return calloc(n, sizeof(float)); }

/* y (n, out) = x (n, in) wT (out, in) + b */
static void linear(float *y, const float *x, Weight w, Weight *b, int in, int out) {
#pragma omp parallel for
    for (int start = 0; start < N; start += TILE)
        for (int o = 0; o < out; o++) {
            float sums[TILE];
            for (int r = 0; r < TILE; r++) sums[r] = b ? b->w[o] : 0;
            for (int i = 0; i < in; i++) {
                float v = w.w[(size_t)o * in + i];
                for (int r = 0; r < TILE; r++) sums[r] += x[(size_t)(start + r) * in + i] * v;
            }
            for (int r = 0; r < TILE; r++) y[(size_t)(start + r) * out + o] = sums[r];
        }
}

/* dx (n, in) = dy (n, out) w; dw (out, in) += dyT x; db += sum of dy */
static void linear_back(float *dx, const float *dy, const float *x, Weight w, Weight *b, int in, int out) {
#pragma omp parallel for
    for (int row = 0; row < N; row++) {
        float *to = dx + (size_t)row * in;
        memset(to, 0, in * sizeof(float));
        for (int o = 0; o < out; o++) {
            float d = dy[(size_t)row * out + o];
            const float *from = w.w + (size_t)o * in;
            for (int i = 0; i < in; i++) to[i] += d * from[i];
        }
    }
#pragma omp parallel for
    for (int o = 0; o < out; o++) {
        float *to = w.g + (size_t)o * in;
        for (int row = 0; row < N; row++) {
            float d = dy[(size_t)row * out + o];
            const float *from = x + (size_t)row * in;
            if (b) b->g[o] += d;
            for (int i = 0; i < in; i++) to[i] += d * from[i];
        }
    }
}

static void norm(float *y, float *stats, const float *x, Weight gain, Weight bias) {
#pragma omp parallel for
    for (int row = 0; row < N; row++) {
        const float *from = x + (size_t)row * C;
        float mean = 0, spread = 0;
        for (int i = 0; i < C; i++) mean += from[i] / C;
        for (int i = 0; i < C; i++) spread += (from[i] - mean) * (from[i] - mean) / C;
        float scale = 1 / sqrtf(spread + 1e-5f);
        for (int i = 0; i < C; i++) y[(size_t)row * C + i] = (from[i] - mean) * scale * gain.w[i] + bias.w[i];
        stats[2 * row] = mean, stats[2 * row + 1] = scale;
    }
}

/* adds to dx */
static void norm_back(float *dx, const float *dy, const float *x, const float *stats, Weight gain, Weight bias) {
    for (int row = 0; row < N; row++) {
        const float *from = x + (size_t)row * C, *d = dy + (size_t)row * C;
        float mean = stats[2 * row], scale = stats[2 * row + 1], across = 0, along = 0;
        for (int i = 0; i < C; i++) {
            float normed = (from[i] - mean) * scale, g = d[i] * gain.w[i];
            across += g / C, along += g * normed / C;
            gain.g[i] += d[i] * normed, bias.g[i] += d[i];
        }
        for (int i = 0; i < C; i++) dx[(size_t)row * C + i] += (d[i] * gain.w[i] - across - (from[i] - mean) * scale * along) * scale;
    }
}

/* heads (n, 3 C), share (B, H, T, T), y (n, C) */
static void attention(float *y, float *share, const float *heads) {
    int size = C / H;
    float root = 1 / sqrtf(size);
#pragma omp parallel for collapse(3)
    for (int b = 0; b < B; b++)
        for (int t = 0; t < T; t++)
            for (int h = 0; h < H; h++) {
                const float *q = heads + (size_t)(b * T + t) * 3 * C + h * size;
                float *p = share + ((size_t)(b * H + h) * T + t) * T, *to = y + (size_t)(b * T + t) * C + h * size, most = -FLT_MAX, sum = 0;
                for (int s = 0; s <= t; s++) {
                    const float *k = heads + (size_t)(b * T + s) * 3 * C + C + h * size;
                    float score = 0;
                    for (int i = 0; i < size; i++) score += q[i] * k[i];
                    p[s] = score * root;
                    most = p[s] > most ? p[s] : most;
                }
                for (int s = 0; s <= t; s++) sum += p[s] = expf(p[s] - most);
                memset(to, 0, size * sizeof(float));
                for (int s = 0; s <= t; s++) {
                    const float *v = heads + (size_t)(b * T + s) * 3 * C + 2 * C + h * size;
                    p[s] /= sum;
                    for (int i = 0; i < size; i++) to[i] += p[s] * v[i];
                }
            }
}

static void attention_back(float *dheads, const float *dy, const float *share, const float *heads) {
    int size = C / H;
    float root = 1 / sqrtf(size);
    memset(dheads, 0, (size_t)N * 3 * C * sizeof(float));
#pragma omp parallel for collapse(2)
    for (int b = 0; b < B; b++)
        for (int h = 0; h < H; h++)
            for (int t = 0; t < T; t++) {
                const float *d = dy + (size_t)(b * T + t) * C + h * size, *p = share + ((size_t)(b * H + h) * T + t) * T;
                size_t mine = (size_t)(b * T + t) * 3 * C + h * size;
                float dscores[T], mean = 0;
                for (int s = 0; s <= t; s++) {
                    size_t other = (size_t)(b * T + s) * 3 * C + 2 * C + h * size;
                    float dscore = 0;
                    for (int i = 0; i < size; i++) dscore += d[i] * heads[other + i], dheads[other + i] += p[s] * d[i];
                    dscores[s] = dscore, mean += dscore * p[s];
                }
                for (int s = 0; s <= t; s++) {
                    size_t other = (size_t)(b * T + s) * 3 * C + C + h * size;
                    float dscore = (dscores[s] - mean) * p[s] * root;
                    for (int i = 0; i < size; i++) dheads[mine + i] += dscore * heads[other + i], dheads[other + i] += dscore * heads[mine + i];
                }
            }
}

static const float Root = 0.7978845608f, Cubic = 0.044715f; /* of GELU's tanh */

static void gelu(float *y, const float *x) {
#pragma omp parallel for
    for (size_t i = 0; i < (size_t)N * M; i++) y[i] = 0.5f * x[i] * (1 + tanhf(Root * (x[i] + Cubic * x[i] * x[i] * x[i])));
}

static void gelu_back(float *d, const float *x) {
#pragma omp parallel for
    for (size_t i = 0; i < (size_t)N * M; i++) {
        float t = tanhf(Root * (x[i] + Cubic * x[i] * x[i] * x[i]));
        d[i] *= 0.5f * (1 + t) + 0.5f * x[i] * (1 - t * t) * Root * (1 + 3 * Cubic * x[i] * x[i]);
    }
}

static void add(float *y, const float *a, const float *b) {
#pragma omp parallel for
    for (size_t i = 0; i < (size_t)N * C; i++) y[i] = a[i] + b[i];
}

/* softmax in the logits' place, and then its gradient; the mean loss */
static double loss(float *logits, const int *targets) {
    double sum = 0;
#pragma omp parallel for reduction(+ : sum)
    for (int row = 0; row < N; row++) {
        float *z = logits + (size_t)row * V, most = -FLT_MAX, total = 0;
        for (int i = 0; i < V; i++) most = z[i] > most ? z[i] : most;
        for (int i = 0; i < V; i++) total += z[i] = expf(z[i] - most);
        for (int i = 0; i < V; i++) z[i] /= total * N;
        sum -= log(z[targets[row]] * N) / N;
        z[targets[row]] -= 1.0f / N;
    }
    return sum;
}

static void adamw(int step) {
    float a = 1 - powf(0.9f, step), b = 1 - powf(0.95f, step), rate = 1e-4f, squares = 0;
#pragma omp parallel for reduction(+ : squares)
    for (size_t i = 0; i < parameters; i++) squares += gradients[i] * gradients[i];
    float scale = squares > 1 ? 1 / sqrtf(squares) : 1;
#pragma omp parallel for
    for (size_t i = 0; i < parameters; i++) {
        float g = gradients[i] * scale;
        first[i] = 0.9f * first[i] + 0.1f * g;
        second[i] = 0.95f * second[i] + 0.05f * g * g;
        weights[i] -= rate * (first[i] / a / (sqrtf(second[i] / b) + 1e-8f) + 0.1f * weights[i]);
    }
}

static Weight tokens, positions, gain, bias;
static Block *blocks;

static void layout(void) {
    parameters = 0;
    tokens = weight((size_t)V * C), positions = weight((size_t)T * C);
    for (int l = 0; l < L; l++)
        blocks[l] = (Block){
            weight(C), weight(C), weight((size_t)3 * C * C), weight(3 * C), weight((size_t)C * C), weight(C),
            weight(C), weight(C), weight((size_t)M * C), weight(M), weight((size_t)C * M), weight(C),
        };
    gain = weight(C), bias = weight(C);
}

static float normal(void) { return sqrtf(-2 * logf((rand() + 1.0f) / (RAND_MAX + 1.0f))) * cosf(6.2831853f * rand() / RAND_MAX); }

int main(int argc, char **argv) {
    if (argc < 11) return fprintf(stderr, "usage: %s layers heads width mlp context ids windows tokens threads fp32 (dtt bench passes them)\n", argv[0]), 2;
    L = atoi(argv[1]), H = atoi(argv[2]), C = atoi(argv[3]), M = atoi(argv[4]), V = atoi(argv[6]), B = atoi(argv[7]), T = atoi(argv[8]), N = B * T;
    if (N % TILE) return fprintf(stderr, "%d windows of %d tokens are not a multiple of %d\n", B, T, TILE), 2;
    omp_set_num_threads(atoi(argv[9]));
    blocks = calloc(L, sizeof(Block));
    layout();
    weights = room(parameters), gradients = room(parameters), first = room(parameters), second = room(parameters);
    for (size_t i = 0; i < parameters; i++) weights[i] = 0.02f * normal();
    layout();
    for (int l = 0; l <= L; l++)
        for (int i = 0; i < C; i++)
            if (l < L) blocks[l].gain1.w[i] = blocks[l].gain2.w[i] = 1;
            else gain.w[i] = 1;

    size_t rows = (size_t)N * C;
    Saved *saved = calloc(L, sizeof(Saved));
    for (int l = 0; l < L; l++)
        saved[l] = (Saved){
            room(rows), room(rows), room(2 * N), room(3 * rows), room((size_t)B * H * T * T), room(rows),
            room(rows), room(rows), room(2 * N), room((size_t)N * M), room((size_t)N * M), room(rows),
        };
    float *embedded = room(rows), *normed = room(rows), *stats = room(2 * N), *logits = room((size_t)N * V);
    float *d = room(rows), *e = room(rows), *wide = room((size_t)N * (M > 3 * C ? M : 3 * C));
    int *ids = malloc(N * sizeof(int)), *targets = malloc(N * sizeof(int));
    for (int i = 0; i < N; i++) ids[i] = rand() % V, targets[i] = rand() % V;

    printf("plain C with OpenMP, gcc %s, fp32\n", __VERSION__), fflush(stdout);
    char line[64];
    for (int step = 1; fgets(line, sizeof line, stdin); step++) {
        double start = omp_get_wtime();
        memset(gradients, 0, parameters * sizeof(float));
        for (int row = 0; row < N; row++)
            for (int i = 0; i < C; i++) embedded[(size_t)row * C + i] = tokens.w[(size_t)ids[row] * C + i] + positions.w[(size_t)(row % T) * C + i];
        float *x = embedded;
        for (int l = 0; l < L; l++) {
            Block *w = &blocks[l];
            Saved *k = &saved[l];
            k->x = x;
            norm(k->normed1, k->stats1, x, w->gain1, w->bias1);
            linear(k->heads, k->normed1, w->qkv, &w->qkvBias, C, 3 * C);
            attention(k->mixed, k->share, k->heads);
            linear(k->middle, k->mixed, w->out, &w->outBias, C, C);
            add(k->middle, k->middle, x);
            norm(k->normed2, k->stats2, k->middle, w->gain2, w->bias2);
            linear(k->wide, k->normed2, w->up, &w->upBias, C, M);
            gelu(k->activated, k->wide);
            linear(k->y, k->activated, w->down, &w->downBias, M, C);
            add(k->y, k->y, k->middle);
            x = k->y;
        }
        norm(normed, stats, x, gain, bias);
        linear(logits, normed, tokens, NULL, C, V);
        double mean = loss(logits, targets);

        linear_back(e, logits, normed, tokens, NULL, C, V);
        memset(d, 0, rows * sizeof(float));
        norm_back(d, e, x, stats, gain, bias);
        for (int l = L - 1; l >= 0; l--) {
            Block *w = &blocks[l];
            Saved *k = &saved[l];
            linear_back(wide, d, k->activated, w->down, &w->downBias, M, C);
            gelu_back(wide, k->wide);
            linear_back(e, wide, k->normed2, w->up, &w->upBias, C, M);
            norm_back(d, e, k->middle, k->stats2, w->gain2, w->bias2);
            linear_back(e, d, k->mixed, w->out, &w->outBias, C, C);
            attention_back(wide, e, k->share, k->heads);
            linear_back(e, wide, k->normed1, w->qkv, &w->qkvBias, C, 3 * C);
            norm_back(d, e, k->x, k->stats1, w->gain1, w->bias1);
        }
        for (int row = 0; row < N; row++)
            for (int i = 0; i < C; i++) {
                tokens.g[(size_t)ids[row] * C + i] += d[(size_t)row * C + i];
                positions.g[(size_t)(row % T) * C + i] += d[(size_t)row * C + i];
            }
        adamw(step);
        fprintf(stderr, "step %d: loss %.4f\n", step, mean);
        printf("%.6f\n", omp_get_wtime() - start), fflush(stdout);
    }
    return 0;
}
