// The kernels of the CuPy backend: what ffnp/backends/reference.py spells out, one launch a method.
//
// Compiled once with REAL = float and once with REAL = double. The compiler's options also define
// the constants below in capitals, and the numbers of activations (RELU ...) and of objectives
// (SigmoidGoodness ...): they have one source, and it is Python (cuda_source.py).
//
// The launcher reads every parameter list below, and checks the arguments of every launch against
// it: names, types, and the shapes in the comments. Keep one array a line. Axis letters are
// reference.py's; an `int` named by one is that axis' length, and the launcher supplies it.
//
// No atomics: every sum has one fixed order, and the same run gives the same bits. No two arrays of
// a launch overlap: with `__restrict__` the compiler loads ahead of stores.

// A kernel for blocks of at most so many threads.
#define KERNEL(threads) extern "C" __global__ void __launch_bounds__(threads, 1)

typedef REAL real;

const int WARP = 32;
const unsigned ALL_LANES = 0xffffffffu;

// --- sums over threads ---------------------------------------------------------------------------

// Sum over a warp; every lane gets it.
template <class T>
__device__ T warp_sum(T value) {
    for (int distance = WARP / 2; distance > 0; distance /= 2)
        value += __shfl_xor_sync(ALL_LANES, value, distance);
    return value;
}

// Sum over a one-dimensional block of whole warps; every thread gets it.
template <class T>
__device__ T block_sum(T value) {
    __shared__ T sums[WARP];
    value = warp_sum(value);
    __syncthreads();  // the sums of the call before have been read
    if (threadIdx.x % WARP == 0) sums[threadIdx.x / WARP] = value;
    __syncthreads();
    T total = 0;
    for (int warp = 0; warp < blockDim.x / WARP; warp++) total += sums[warp];
    return total;
}

// Sum the parts of a block of COLUMNS x LINES threads down its columns: out[j] for the block's
// columns j < width. A warp sums a column.
__device__ void column_sums(real part, int width, real* out) {
    __shared__ real parts[LINES][COLUMNS + 1];  // + 1: a column's entries lie in different banks
    parts[threadIdx.y][threadIdx.x] = part;
    __syncthreads();
    const int thread = threadIdx.y * COLUMNS + threadIdx.x;
    const int warp = thread / WARP, lane = thread % WARP;
    if (warp >= COLUMNS) return;
    real sum = 0;
    for (int line = lane; line < LINES; line += WARP) sum += parts[line][warp];
    sum = warp_sum(sum);
    const int column = blockIdx.x * COLUMNS + warp;
    if (lane == 0 && column < width) out[column] = sum;
}

// --- activations ---------------------------------------------------------------------------------

__device__ real sigmoid(real z) {
    real e = exp(-fabs(z));
    return (z >= 0 ? real(1) : e) / (1 + e);
}

__device__ real softplus(real z) { return fmax(z, real(0)) + log1p(exp(-fabs(z))); }

// phi(z); phi'(z) goes to `slope`. Comparisons are such that NaN passes through.
__device__ real activate_one(int activation, real z, real& slope) {
    switch (activation) {
        case RELU:
            slope = z > 0 ? 1 : 0;
            return z < 0 ? 0 : z;
        case LEAKY_RELU:
            slope = z > 0 ? real(1) : real(LEAK);
            return z < 0 ? real(LEAK) * z : z;
        case TANH: {
            real a = tanh(z);
            slope = 1 - a * a;
            return a;
        }
        case GELU: {
            real t = tanh(real(GELU_SCALE) * (z + real(GELU_CUBIC) * z * z * z));
            real inner = real(GELU_SCALE) * (1 + 3 * real(GELU_CUBIC) * z * z);
            slope = real(0.5) * (1 + t) + real(0.5) * z * (1 - t * t) * inner;
            return real(0.5) * z * (1 + t);
        }
        case SOFTPLUS:
            slope = sigmoid(z);
            return softplus(z);
        default: {  // SIGMOID
            real a = sigmoid(z);
            slope = a * (1 - a);
            return a;
        }
    }
}

// --- random numbers ------------------------------------------------------------------------------

// Ten rounds of Philox 4x64 (Salmon et al., 2011): a counter becomes four random words.
__device__ void philox(unsigned long long* counter, unsigned long long a, unsigned long long b) {
    for (int round = 0; round < 10; round++) {
        unsigned long long first = counter[0], third = counter[2];
        counter[0] = __umul64hi(PHILOX_2, third) ^ counter[1] ^ a;
        counter[2] = __umul64hi(PHILOX_1, first) ^ counter[3] ^ b;
        counter[1] = PHILOX_2 * third;
        counter[3] = PHILOX_1 * first;
        a += PHILOX_3;
        b += PHILOX_4;
    }
}

// Block `block` of a draw, which is 32 bytes. NumPy's generator counts before it draws.
__device__ void draw_block(
    unsigned long long* words, unsigned long long block, unsigned long long key1,
    unsigned long long key2, unsigned long long step, unsigned long long site) {
    words[0] = block + 1;
    words[1] = step;
    words[2] = site;
    words[3] = 0;
    philox(words, key1, key2);
}

__device__ int byte_of(unsigned long long word, int byte) { return word >> 8 * byte & 255; }

// --- forward -------------------------------------------------------------------------------------

// One block an image: x = (pixel - mean) / deviation, then x * length / sqrt(|x|^2 + 1).
// Image `rows[n] / ways`, or image n where `rows` is null; where `views` is not, its pixels come from
// where row `rows[n] % ways` of it says. A length of 0 leaves the images' own. Pixels are left out as
// `draw_kept` draws; with 0 `steps` none are.
template <class Pixel>
__device__ void standardise(
    const Pixel* __restrict__ images, const long long* __restrict__ rows,
    const int* __restrict__ views, int ways, real mean, real deviation, real length,
    unsigned long long key1, unsigned long long key2, unsigned long long step, int first, int steps,
    real value, real* __restrict__ out, int D) {
    const long long row = rows ? rows[blockIdx.x] : blockIdx.x;
    const Pixel* image = images + row / ways * size_t(D);
    const int* way = views ? views + row % ways * D : nullptr;
    out += blockIdx.x * size_t(D);
    real factor = 1;
    if (length > 0) {
        real squares = 0;
        for (int d = threadIdx.x; d < D; d += blockDim.x) {
            real x = (image[way ? way[d] : d] - mean) / deviation;
            squares += x * x;
        }
        factor = length / sqrt(block_sum(squares) + 1);
    }
    const unsigned long long blocks = (D + 31) / 32, image_number = first + blockIdx.x;
    for (int d = threadIdx.x; d < D; d += blockDim.x) {
        real x = (image[way ? way[d] : d] - mean) / deviation * factor;
        if (steps > 0) {
            unsigned long long words[4];
            draw_block(words, image_number * blocks + d / 32, key1, key2, step, 0);
            const int word = d % 32 / 8;  // chosen by comparison: an index would need memory
            const unsigned long long lower = word == 0 ? words[0] : words[1];
            const unsigned long long upper = word == 2 ? words[2] : words[3];
            x *= byte_of(word < 2 ? lower : upper, d % 8) < steps ? real(0) : value;
        }
        out[d] = x;
    }
}

KERNEL(ROW) standardise_uint8(
    const unsigned char* __restrict__ images,  // (M, D)
    const long long* __restrict__ rows,        // (N) or null
    const int* __restrict__ views,             // (T, D) or null
    int ways, real mean, real deviation, real length,
    unsigned long long key1, unsigned long long key2, unsigned long long step, int first, int steps,
    real value,
    real* __restrict__ out,                    // (N, D)
    int D
) {
    standardise(
        images, rows, views, ways, mean, deviation, length, key1, key2, step, first, steps, value, out,
        D);
}

KERNEL(ROW) standardise_float32(
    const float* __restrict__ images,    // (M, D)
    const long long* __restrict__ rows,  // (N) or null
    const int* __restrict__ views,       // (T, D) or null
    int ways, real mean, real deviation, real length,
    unsigned long long key1, unsigned long long key2, unsigned long long step, int first, int steps,
    real value,
    real* __restrict__ out,              // (N, D)
    int D
) {
    standardise(
        images, rows, views, ways, mean, deviation, length, key1, key2, step, first, steps, value, out,
        D);
}

KERNEL(ROW) standardise_float64(
    const double* __restrict__ images,   // (M, D)
    const long long* __restrict__ rows,  // (N) or null
    const int* __restrict__ views,       // (T, D) or null
    int ways, real mean, real deviation, real length,
    unsigned long long key1, unsigned long long key2, unsigned long long step, int first, int steps,
    real value,
    real* __restrict__ out,              // (N, D)
    int D
) {
    standardise(
        images, rows, views, ways, mean, deviation, length, key1, key2, step, first, steps, value, out,
        D);
}

// --- dropout -------------------------------------------------------------------------------------

// One thread a block of 32 bytes, a byte an entry: 0 where it is below `steps`, else `value`. `site`
// is the first of S, one a layer.
KERNEL(BLOCK) draw_kept(
    unsigned long long key1, unsigned long long key2, unsigned long long step,
    unsigned long long site, int first, int steps, real value,
    real* __restrict__ out,  // (S, N, W)
    int S, int N, int W
) {
    const int blocks = (W + 31) / 32;  // of a row
    const long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x;
    const long long of_site = (long long)N * blocks;
    if (i >= S * of_site) return;
    unsigned long long words[4];
    const unsigned long long block = first * (unsigned long long)blocks + i % of_site;
    draw_block(words, block, key1, key2, step, site + i / of_site);
    int w = i % blocks * 32;
    out += i / blocks * W;
#pragma unroll
    for (int word = 0; word < 4; word++)
        for (int byte = 0; byte < 8 && w < W; byte++, w++)
            out[w] = byte_of(words[word], byte) < steps ? real(0) : value;
}

// --- activities ----------------------------------------------------------------------------------

// Store a = phi(z), times `kept` where a unit may be dropped, and phi'(z) where it is kept; gives
// back a^2. `column` is the place in `kept`.
__device__ real store(
    int activation, real z, size_t i, const real* kept, size_t column, real* values, real* slope) {
    real derivative;
    real a = activate_one(activation, z, derivative);
    if (kept) a *= kept[column];
    values[i] = a;
    if (slope) slope[i] = derivative;
    return a * a;
}

// The goodness of the block's row, and the scale that brings the row to length 1.
__device__ void finish_row(real squares, real* goodness, real* scale) {
    real sum = block_sum(squares);
    if (threadIdx.x == 0) {
        goodness[blockIdx.x] = sum;
        scale[blockIdx.x] = 1 / (sqrt(sum) + real(EPSILON));
    }
}

// One block a row: z = x W_x + s W_y[label] + b, where `shared` holds x W_x of the image; and
// scale a_prev W, where `values` holds a_prev W.
KERNEL(ROW) activate_labelled(
    const real* __restrict__ shared,         // (N, H)
    const real* __restrict__ label_weights,  // (K, H)
    const int* __restrict__ labels,          // (N, R)
    real label_scale,
    const real* __restrict__ bias,           // (H)
    const real* __restrict__ scale_before,   // (N, R) or null
    int activation,
    const real* __restrict__ kept,           // (N, H) or null
    real* __restrict__ values,               // (N, R, H)
    real* __restrict__ slope,                // (N, R, H) or null
    real* __restrict__ goodness,             // (N, R)
    real* __restrict__ scale,                // (N, R)
    int R, int H
) {
    const int row = blockIdx.x;
    const size_t image = size_t(row / R) * H;
    const real* label = label_weights + size_t(labels[row]) * H;
    real squares = 0;
    for (int h = threadIdx.x; h < H; h += blockDim.x) {
        const size_t i = size_t(row) * H + h;
        real z = shared[image + h] + label_scale * label[h] + bias[h];
        if (scale_before) z += values[i] * scale_before[row];
        squares += store(activation, z, i, kept, image + h, values, slope);
    }
    finish_row(squares, goodness, scale);
}

// One block a row: z = scale a_prev W + b, where `values` holds a_prev W.
KERNEL(ROW) activate(
    const real* __restrict__ scale_before,  // (N, R)
    const real* __restrict__ bias,          // (H)
    int activation,
    const real* __restrict__ kept,          // (N, H) or null
    real* __restrict__ values,              // (N, R, H)
    real* __restrict__ slope,               // (N, R, H) or null
    real* __restrict__ goodness,            // (N, R)
    real* __restrict__ scale,               // (N, R)
    int R, int H
) {
    const int row = blockIdx.x;
    const size_t image = size_t(row / R) * H;
    real squares = 0;
    for (int h = threadIdx.x; h < H; h += blockDim.x) {
        size_t i = size_t(row) * H + h;
        real z = values[i] * scale_before[row] + bias[h];
        squares += store(activation, z, i, kept, image + h, values, slope);
    }
    finish_row(squares, goodness, scale);
}

// One block an image: the labels of the most goodness, the best first, of equal ones the lowest;
// NaN is the most, so that whoever checks the scores meets it. With `kept` 1 the label in column 0
// stays, and is not given again. A thread counts who is better.
KERNEL(ROW) best_labels(
    const real* __restrict__ goodness,  // (N, K)
    int kept,
    int* __restrict__ labels,           // (N, R)
    int K, int R
) {
    goodness += size_t(blockIdx.x) * K;
    labels += size_t(blockIdx.x) * R;
    const int stays = kept ? labels[0] : -1;
    for (int k = threadIdx.x; k < K; k += blockDim.x) {
        if (k == stays) continue;
        const real own = goodness[k];
        int place = kept;
        for (int other = 0; other < K; other++) {
            if (other == stays || other == k) continue;
            const real its = goodness[other];
            const bool more = its > own || (isnan(its) && !isnan(own));
            const bool less = its < own || (isnan(own) && !isnan(its));
            if (more || (!less && other < k)) place++;
        }
        if (place < R) labels[place] = k;
    }
}

// --- objectives ----------------------------------------------------------------------------------

// Softmax cross-entropy of one image: z becomes (softmax - onehot) / N; gives back J.
__device__ real cross_entropy_of(real* z, int size, int target, int N) {
    real largest = z[0];
    for (int k = 1; k < size; k++) largest = fmax(largest, z[k]);  // exp cannot overflow
    real sum = 0;
    for (int k = 0; k < size; k++) sum += exp(z[k] - largest);
    real value = log(sum) - (z[target] - largest);
    for (int k = 0; k < size; k++) z[k] = exp(z[k] - largest) / (sum * N);
    z[target] -= real(1) / N;
    return value;
}

// The objective of one image: h holds g + gamma of its R rows, the true label's first, and becomes
// dJ/dg; gives back what the image adds to the sum of J over images. J is their mean: hence N.
__device__ real evaluate_one(
    int objective, real theta, real alpha, real power, real* h, int N, int R) {
    real value = 0;
    switch (objective) {
        case SigmoidGoodness:
            value = softplus(theta - h[0]);
            h[0] = -sigmoid(theta - h[0]) / N;
            for (int r = 1; r < R; r++) {
                value += softplus(h[r] - theta) / (R - 1);
                h[r] = sigmoid(h[r] - theta) / (N * (R - 1));
            }
            return value;
        case LiteralSigmoidGoodness:
            value = softplus(theta - h[0]);
            h[0] = -sigmoid(theta - h[0]) / N;
            for (int r = 1; r < R; r++) {
                value -= softplus(theta - h[r]) / (R - 1);
                h[r] = sigmoid(theta - h[r]) / (N * (R - 1));
            }
            return value;
        case SoftmaxOverLabels:
            return cross_entropy_of(h, R, 0, N);
        case Pairwise: {
            real sum = 0;
            for (int r = 1; r < R; r++) {
                real lag = alpha * (h[r] - h[0]);
                value += softplus(lag) / (R - 1);
                h[r] = sigmoid(lag) * alpha / (N * (R - 1));
                sum += h[r];
            }
            h[0] = -sum;  // h[0] is in every lag
            return value;
        }
        default: {  // RelativeEntropy: the cross-entropy of softmax(z), z = power log(h + floor)
            const real floor = ENTROPY_FLOOR;
            real largest = h[0], sum = 0;
            for (int r = 1; r < R; r++) largest = fmax(largest, h[r]);
            const real scale = 1 / (largest + floor);  // exp cannot overflow
            for (int r = 0; r < R; r++) sum += exp(power * log((h[r] + floor) * scale));
            value = log(sum) - power * log((h[0] + floor) * scale);
            for (int r = 0; r < R; r++) {
                real d_z = exp(power * log((h[r] + floor) * scale)) / sum - (r == 0);
                h[r] = d_z * power / ((h[r] + floor) * N);
            }
            return value;
        }
    }
}

// One block, a thread an image: the objective of every layer, the running totals of its values,
// and the images of which a wrong label has at least the total goodness of the true one.
// gamma is gamma_scale times the sum over the layers below, above, both or none. Where both are
// heard as they are, every layer hears the same total, and one evaluation serves all.
KERNEL(MOST) evaluate(
    int objective, real theta, real alpha, real power,
    int below, int above, real gamma_scale, real gain,
    const real* __restrict__ goodness,       // (L, N, R)
    const real* __restrict__ sample_weight,  // (N) or null
    real* __restrict__ coefficients,         // (L, N, R)
    double* __restrict__ totals,             // (L + 1)
    int L, int N, int R
) {
    const int rows = N * R;
    const bool alike = below && above && gamma_scale == 1;
    double misranked = 0;
    for (int n = threadIdx.x; n < N; n += blockDim.x) {
        real true_label = 0;
        bool wrong = false;
        for (int row = n * R; row < (n + 1) * R; row++) {
            real lower = 0, upper = 0;  // sums over the layers below, and in the end all; above
            for (int i = 0; i < L; i++) {
                if (!alike) coefficients[i * rows + row] = lower;
                lower += goodness[i * rows + row];
            }
            if (alike)
                coefficients[row] = lower;
            else
                for (int i = L - 1; i >= 0; i--) {
                    real g = goodness[i * rows + row], *h = &coefficients[i * rows + row];
                    *h = g + gamma_scale * ((below ? *h : 0) + (above ? upper : 0));
                    upper += g;
                }
            if (row == n * R)
                true_label = lower;
            else
                wrong |= lower >= true_label;
        }
        misranked += wrong;
    }
    for (int layer = 0; layer < (alike ? 1 : L); layer++) {
        const int last = alike ? L - 1 : layer;
        double value = 0;
        for (int n = threadIdx.x; n < N; n += blockDim.x) {
            real* h = coefficients + layer * rows + n * R;
            value += evaluate_one(objective, theta, alpha, power, h, N, R);
            const real factor = sample_weight ? gain * sample_weight[n] : gain;
            for (int r = 0; r < R; r++) {
                const real c = factor * h[r];
                for (int i = layer; i <= last; i++) h[(i - layer) * rows + r] = c;
            }
        }
        value = block_sum(value);
        if (threadIdx.x == 0)
            for (int i = layer; i <= last; i++) totals[i] += value;
    }
    misranked = block_sum(misranked);
    if (threadIdx.x == 0) totals[L] += misranked;
}

// --- gradients -----------------------------------------------------------------------------------

// In the forward pass this was a = phi(z), g = sum a^2; so dJ/dz = c 2 a phi'(z).
// `slope` is null where a phi'(z) = a.
__device__ real d_z_of(real c, const real* values, const real* slope, size_t i) {
    real d_a = c * 2 * values[i];
    return slope ? d_a * slope[i] : d_a;
}

// The kernels below have blocks of COLUMNS columns, one sector of memory wide, and take LINES images
// at a time. The rows of an image, of which the objective's gradients cancel, are summed first.

// In the forward pass this was z = scale a_prev W + b; so db = sum of dJ/dz over rows,
// dW = a_prev^T delta with delta = scale dJ/dz.
KERNEL(COLUMNS * LINES) delta(
    const real* __restrict__ coefficients,  // (N, R)
    const real* __restrict__ scale,         // (N, R)
    const real* __restrict__ values,        // (N, R, H)
    const real* __restrict__ slope,         // (N, R, H) or null
    real* __restrict__ delta,               // (N, R, H)
    real* __restrict__ d_bias,              // (H)
    int N, int R, int H
) {
    const int column = blockIdx.x * COLUMNS + threadIdx.x;
    real total = 0;
    if (column < H)
        for (int n = threadIdx.y; n < N; n += LINES) {
            real image = 0;
            for (int row = n * R; row < (n + 1) * R; row++) {
                size_t i = size_t(row) * H + column;
                real d_z = d_z_of(coefficients[row], values, slope, i);
                image += d_z;
                delta[i] = scale[row] * d_z;
            }
            total += image;
        }
    column_sums(total, H, d_bias);
}

// Block (tile, k) sums the rows with label k; block (tile, K) the rows of each image, and all.
// In the forward pass this was z = x W_x + s W_y[label] + b for each of R rows; so
// dW_x = x^T (sum of dJ/dz over the R rows), dW_y[k] = s (sum over rows with label k).
// dJ/dz is made on the way; where `coefficients` is null, `delta` holds it. Where `scale` is not,
// `delta` becomes scale dJ/dz.
KERNEL(COLUMNS * LINES) delta_labelled(
    const real* __restrict__ coefficients,  // (N, R) or null
    const real* __restrict__ values,        // (N, R, H)
    const real* __restrict__ slope,         // (N, R, H) or null
    const real* __restrict__ scale,         // (N, R) or null
    real* __restrict__ delta,               // (N, R, H) or null
    const int* __restrict__ labels,         // (N, R)
    real label_scale,
    real* __restrict__ sum,                 // (N, H)
    real* __restrict__ d_label_weights,     // (K, H)
    real* __restrict__ d_bias,              // (H)
    int N, int R, int H, int K
) {
    const int column = blockIdx.x * COLUMNS + threadIdx.x;
    const int label = blockIdx.y;
    real total = 0;
    if (column < H)
        for (int n = threadIdx.y; n < N; n += LINES) {
            real image = 0;
            for (int row = n * R; row < (n + 1) * R; row++) {
                if (label < K && labels[row] != label) continue;
                size_t i = size_t(row) * H + column;
                real d_z = coefficients ? d_z_of(coefficients[row], values, slope, i) : delta[i];
                image += d_z;
                if (scale && label == K) delta[i] = scale[row] * d_z;
            }
            if (label == K) sum[size_t(n) * H + column] = image;
            total += image;
        }
    if (label == K)
        column_sums(total, H, d_bias);
    else
        column_sums(label_scale * total, H, d_label_weights + size_t(label) * H);
}

// In the forward pass this was a = phi(z) kept, z = a_prev W + b; so dJ/dz = dJ/da kept phi'(z), in
// place.
KERNEL(COLUMNS * LINES) backpropagate(
    const real* __restrict__ values,  // (N, R, H)
    const real* __restrict__ slope,   // (N, R, H) or null
    const real* __restrict__ kept,    // (N, H) or null
    real* __restrict__ delta,         // (N, R, H)
    real* __restrict__ d_bias,        // (H)
    int N, int R, int H
) {
    const int column = blockIdx.x * COLUMNS + threadIdx.x;
    real total = 0;
    if (column < H)
        for (int n = threadIdx.y; n < N; n += LINES) {
            real image = 0;
            for (int row = n * R; row < (n + 1) * R; row++) {
                size_t i = size_t(row) * H + column;
                real d_z = delta[i] * (slope ? slope[i] : values[i] > 0);
                if (kept) d_z *= kept[size_t(n) * H + column];
                image += d_z;
                delta[i] = d_z;
            }
            total += image;
        }
    column_sums(total, H, d_bias);
}

// One block: an output layer's loss, its errors where `totals` has room for them and, in place of the
// logits, its gradient.
KERNEL(MOST) cross_entropy(
    real* __restrict__ logits,               // (N, K)
    const real* __restrict__ bias,           // (K)
    const int* __restrict__ labels,          // (N)
    const real* __restrict__ sample_weight,  // (N) or null
    double* __restrict__ totals,             // (T)
    real* __restrict__ d_bias,               // (K)
    int N, int K, int T
) {
    double value = 0, wrong = 0;
    for (int n = threadIdx.x; n < N; n += blockDim.x) {
        real* z = logits + n * K;
        for (int k = 0; k < K; k++) z[k] += bias[k];
        bool missed = false;
        for (int k = 0; k < K; k++) missed |= k != labels[n] && z[k] >= z[labels[n]];
        wrong += missed;
        value += cross_entropy_of(z, K, labels[n], N);
        if (sample_weight)
            for (int k = 0; k < K; k++) z[k] *= sample_weight[n];
    }
    value = block_sum(value);
    wrong = block_sum(wrong);  // and now the gradients of all images are written
    if (threadIdx.x == 0) {
        totals[0] += value;
        if (T == 2) totals[1] += wrong;
    }
    for (int k = threadIdx.x / WARP; k < K; k += blockDim.x / WARP) {
        real sum = 0;
        for (int n = threadIdx.x % WARP; n < N; n += WARP) sum += logits[n * K + k];
        sum = warp_sum(sum);
        if (threadIdx.x % WARP == 0) d_bias[k] = sum;
    }
}

// --- optimisers ----------------------------------------------------------------------------------

// One thread a weight. `rate` is lr / (1 - beta1^t), `correction` is sqrt(1 - beta2^t), `keep` what
// weight decay leaves of a weight.
KERNEL(BLOCK) adam(
    real* __restrict__ weights,         // (P)
    const real* __restrict__ gradient,  // (P)
    real* __restrict__ mean,            // (P)
    real* __restrict__ variance,        // (P)
    real rate, real keep, real correction, real beta1, real rest1, real beta2, real rest2,
    real epsilon,
    int P
) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= P) return;
    real g = gradient[i];
    real m = beta1 * mean[i] + rest1 * g;
    real v = beta2 * variance[i] + rest2 * g * g;
    mean[i] = m;
    variance[i] = v;
    weights[i] = keep * weights[i] - rate * m / (sqrt(v) / correction + epsilon);
}

KERNEL(BLOCK) sgd(
    real* __restrict__ weights,         // (P)
    const real* __restrict__ gradient,  // (P)
    real* __restrict__ velocity,        // (P)
    real lr, real keep, real momentum,
    int P
) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= P) return;
    real v = momentum * velocity[i] + gradient[i];
    velocity[i] = v;
    weights[i] = keep * weights[i] - lr * v;
}

// --- the guard -----------------------------------------------------------------------------------

template <class T>
__device__ bool not_finite(T number) {
    return number - number != 0;
}

// What the block's threads find in their shares of the arrays, a bit each: see signs.py.
KERNEL(BLOCK) examine(
    const double* __restrict__ totals,  // (T)
    const real* __restrict__ weights,   // (P)
    const real* __restrict__ gradient,  // (Q)
    const real* __restrict__ goodness,  // (L, N, R)
    int* __restrict__ found,            // (B)
    int T, int P, int Q, int L, int N, int R
) {
    const int first = blockIdx.x * blockDim.x + threadIdx.x, all = gridDim.x * blockDim.x;
    int signs = 0;
    for (int i = first; i < T; i += all) signs |= not_finite(totals[i]) ? TOTAL_NOT_FINITE : 0;
    for (int i = first; i < P; i += all) signs |= not_finite(weights[i]) ? WEIGHT_NOT_FINITE : 0;
    for (int i = first; i < Q; i += all) signs |= gradient[i] != 0 ? GRADIENT : 0;
    for (int n = first; n < N; n += all) {
        real true_label = 0;
        for (int r = 0; r < R; r++) {
            real total = 0;
            for (int i = 0; i < L; i++) total += goodness[size_t(i * N + n) * R + r];
            if (r == 0) true_label = total;
            if (total != 0) signs |= GOODNESS;
            if (total != true_label) signs |= LABEL;
        }
    }
    int together = 0;
    for (int sign = 1; sign <= LAST_SIGN; sign *= 2)
        if (block_sum(signs & sign)) together |= sign;
    if (threadIdx.x == 0) found[blockIdx.x] = together;
}
