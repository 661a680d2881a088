// Kernels of GPT training beside the matrix products. Compiled at run time, for `real` = bf16 (BF16 defined) or float.
//
// Arrays are row-major. A *row* is one token's place in the batch. All arithmetic is f32 and every sum has a fixed order, with no atomics:
// the same device gives the same bits. The text keeps to what C and CUDA C++ share, so that the tests can run it without a device.

#ifdef __cplusplus
extern "C" {
#endif

typedef long long count;

#ifdef BF16
typedef unsigned short real;

static __device__ __forceinline__ float get(real x) { return __uint_as_float((unsigned int)x << 16); }

// To the nearest, ties to even; a not-a-number stays one.
static __device__ __forceinline__ real put(float x) {
    unsigned int bits = __float_as_uint(x);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return (real)((bits >> 16) | 0x40u);
    return (real)((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}
#else
typedef float real;

static __device__ __forceinline__ float get(real x) { return x; }
static __device__ __forceinline__ real put(float x) { return x; }
#endif

// Threads of a block that share a row in `cross_entropy` and sum squares; a multiple of a warp.
#define BLOCK 256
// Columns and row lanes of a block of `norm_weight_partials`.
#define COLUMNS 32
#define LANES 8

static __device__ __forceinline__ float warp_sum(float x) {
    for (int apart = 16; apart > 0; apart /= 2) x += __shfl_xor_sync(0xffffffffu, x, apart);
    return x;
}

static __device__ __forceinline__ float warp_largest(float x) {
    for (int apart = 16; apart > 0; apart /= 2) {
        float other = __shfl_xor_sync(0xffffffffu, x, apart);
        if (!(x >= other)) x = other;
    }
    return x;
}

// The sum over a block of BLOCK threads, in each of them.
static __device__ __forceinline__ float block_sum(float x, float *shared) {
    x = warp_sum(x);
    if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = x;
    __syncthreads();
    float total = 0.0f;
    for (int warp = 0; warp < BLOCK / 32; warp++) total += shared[warp];
    __syncthreads();
    return total;
}

static __device__ __forceinline__ float block_largest(float x, float *shared) {
    x = warp_largest(x);
    if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = x;
    __syncthreads();
    float largest = shared[0];
    for (int warp = 1; warp < BLOCK / 32; warp++)
        if (!(largest >= shared[warp])) largest = shared[warp];
    __syncthreads();
    return largest;
}

// Weights as the products read them.
__global__ void shadow(real *into, const float *weights, count elements) {
    count i = (count)blockIdx.x * blockDim.x + threadIdx.x;
    if (i < elements) into[i] = put(weights[i]);
}

// stream[row, c] = tokens[token, c] + positions[row % context, c]
__global__ void embed(
    real *stream, const real *token_weights, const real *position_weights, const unsigned int *tokens, count rows, count width, count context
) {
    count i = (count)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= rows * width) return;
    count row = i / width, column = i % width;
    float token = get(token_weights[(count)tokens[row] * width + column]);
    stream[i] = put(token + get(position_weights[row % context * width + column]));
}

// y = (x - mean) / sqrt(variance + 1e-5) * weight, a warp a row; statistics[row] = (mean, 1 / deviation).
// With `copy`, x is also left there: what the residual product adds to. Ba, Kiros and Hinton, arXiv:1607.06450, equation 3.
__global__ void norm_forward(
    real *y, float *statistics, real *copy, const real *x, const float *weight, count rows, count width
) {
    count row = (count)blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32;
    if (row >= rows) return;
    int lane = threadIdx.x % 32;
    x += row * width;
    float mean = 0.0f, variance = 0.0f;
    for (count i = lane; i < width; i += 32) mean += get(x[i]);
    mean = warp_sum(mean) / width;
    for (count i = lane; i < width; i += 32) {
        float apart = get(x[i]) - mean;
        variance += apart * apart;
    }
    float scale = 1.0f / sqrtf(warp_sum(variance) / width + 1e-5f);
    for (count i = lane; i < width; i += 32) {
        y[row * width + i] = put((get(x[i]) - mean) * scale * weight[i]);
        if (copy) copy[row * width + i] = x[i];
    }
    if (lane == 0) {
        statistics[2 * row] = mean;
        statistics[2 * row + 1] = scale;
    }
}

// into (+)= the gradient of the norm's input, a warp a row: (g w - mean(g w) - h mean(g w h)) / deviation, h = (x - mean) / deviation.
__global__ void norm_backward(
    real *into, const real *gradient, const real *x, const float *statistics, const float *weight, count rows, count width, count add
) {
    count row = (count)blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32;
    if (row >= rows) return;
    int lane = threadIdx.x % 32;
    float mean = statistics[2 * row], scale = statistics[2 * row + 1];
    gradient += row * width;
    x += row * width;
    into += row * width;
    float plain = 0.0f, along = 0.0f;
    for (count i = lane; i < width; i += 32) {
        float g = get(gradient[i]) * weight[i];
        plain += g;
        along += g * ((get(x[i]) - mean) * scale);
    }
    plain = warp_sum(plain) / width;
    along = warp_sum(along) / width;
    for (count i = lane; i < width; i += 32) {
        float h = (get(x[i]) - mean) * scale;
        float change = (get(gradient[i]) * weight[i] - plain - h * along) * scale;
        into[i] = put(add ? get(into[i]) + change : change);
    }
}

// partials[part, column] = the sum over the part's rows of gradient h. Grid: (columns, parts); block: COLUMNS x LANES.
__global__ void norm_weight_partials(
    float *partials, const real *gradient, const real *x, const float *statistics, count rows, count width, count rows_per_part
) {
    __shared__ float shared[LANES * COLUMNS];
    count column = (count)blockIdx.x * COLUMNS + threadIdx.x % COLUMNS;
    int lane = threadIdx.x / COLUMNS;
    count first = (count)blockIdx.y * rows_per_part, last = first + rows_per_part;
    float sum = 0.0f;
    if (column < width)
        for (count row = first + lane; row < last && row < rows; row += LANES) {
            float h = (get(x[row * width + column]) - statistics[2 * row]) * statistics[2 * row + 1];
            sum += get(gradient[row * width + column]) * h;
        }
    shared[threadIdx.x] = sum;
    __syncthreads();
    if (lane == 0 && column < width) {
        for (int other = 1; other < LANES; other++) sum += shared[other * COLUMNS + threadIdx.x];
        partials[(count)blockIdx.y * width + column] = sum;
    }
}

// into[column] = the sum of values[row, column] over all rows.
__global__ void sum_rows(float *into, const float *values, count rows, count width) {
    count column = (count)blockIdx.x * blockDim.x + threadIdx.x;
    if (column >= width) return;
    float sum = 0.0f;
    for (count row = 0; row < rows; row++) sum += values[row * width + column];
    into[column] = sum;
}

// Softmax of scale x over the first (row % context) + 1 keys, zeros after them, in place; a warp a row.
__global__ void causal_softmax(real *scores, count rows, count context, float scale) {
    count row = (count)blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32;
    if (row >= rows) return;
    int lane = threadIdx.x % 32;
    count keys = row % context + 1;
    scores += row * context;
    float largest = get(scores[0]), total = 0.0f;
    for (count i = lane; i < keys; i += 32) {
        float score = get(scores[i]);
        if (!(largest >= score)) largest = score;
    }
    largest = warp_largest(largest);
    for (count i = lane; i < keys; i += 32) total += expf(scale * (get(scores[i]) - largest));
    float inverse = 1.0f / warp_sum(total);
    for (count i = lane; i < context; i += 32)
        scores[i] = put(i < keys ? expf(scale * (get(scores[i]) - largest)) * inverse : 0.0f);
}

// The gradient of the probabilities becomes that of the unscaled scores, in place: p (g - sum(p g)) scale; a warp a row.
__global__ void causal_softmax_backward(real *gradient, const real *probabilities, count rows, count context, float scale) {
    count row = (count)blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32;
    if (row >= rows) return;
    int lane = threadIdx.x % 32;
    count keys = row % context + 1;
    gradient += row * context;
    probabilities += row * context;
    float mean = 0.0f;
    for (count i = lane; i < keys; i += 32) mean += get(probabilities[i]) * get(gradient[i]);
    mean = warp_sum(mean);
    for (count i = lane; i < context; i += 32)
        gradient[i] = put(i < keys ? get(probabilities[i]) * (get(gradient[i]) - mean) * scale : 0.0f);
}

// y = x Phi(x). Hendrycks and Gimpel, arXiv:1606.08415 (the exact form).
__global__ void gelu(real *y, const real *x, count elements) {
    count i = (count)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= elements) return;
    float value = get(x[i]);
    y[i] = put(0.5f * value * (1.0f + erff(value * 0.70710678f)));
}

// gradient *= Phi(x) + x phi(x)
__global__ void gelu_backward(real *gradient, const real *x, count elements) {
    count i = (count)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= elements) return;
    float value = get(x[i]);
    float cumulative = 0.5f * (1.0f + erff(value * 0.70710678f));
    float density = 0.39894228f * expf(-0.5f * value * value);
    gradient[i] = put(get(gradient[i]) * (cumulative + value * density));
}

// Logits become the gradient of weight times their cross-entropy with the target, in place; a block of BLOCK threads a row of `stride`.
__global__ void cross_entropy(
    real *logits, float *losses, const unsigned int *targets, count stride, count classes, float weight
) {
    __shared__ float shared[BLOCK / 32];
    count row = blockIdx.x;
    logits += row * stride;
    float largest = get(logits[0]), total = 0.0f;
    for (count i = threadIdx.x; i < classes; i += BLOCK) {
        float logit = get(logits[i]);
        if (!(largest >= logit)) largest = logit;
    }
    largest = block_largest(largest, shared);
    for (count i = threadIdx.x; i < classes; i += BLOCK) total += expf(get(logits[i]) - largest);
    total = block_sum(total, shared);
    count target = targets[row];
    if (threadIdx.x == 0) losses[row] = logf(total) + largest - get(logits[target]);
    __syncthreads();
    for (count i = threadIdx.x; i < stride; i += BLOCK) {
        float probability = i < classes ? expf(get(logits[i]) - largest) / total : 0.0f;
        logits[i] = put((probability - (i == target ? 1.0f : 0.0f)) * weight);
    }
}

// gradients[position, c] = the sum of the stream's gradient over the batch.
__global__ void position_gradients(float *gradients, const real *stream, count batch, count context, count width) {
    count i = (count)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= context * width) return;
    float sum = 0.0f;
    for (count sequence = 0; sequence < batch; sequence++) sum += get(stream[sequence * context * width + i]);
    gradients[i] = sum;
}

// gradients[token, c] += the stream's gradient in the rows of that token; a block a distinct token, whose rows are
// rows[starts[k]..starts[k + 1]].
__global__ void token_gradients(
    float *gradients, const real *stream, const unsigned int *tokens, const unsigned int *starts, const unsigned int *rows, count width
) {
    count token = tokens[blockIdx.x], first = starts[blockIdx.x], last = starts[blockIdx.x + 1];
    for (count column = threadIdx.x; column < width; column += blockDim.x) {
        float sum = 0.0f;
        for (count at = first; at < last; at++) sum += get(stream[(count)rows[at] * width + column]);
        gradients[token * width + column] += sum;
    }
}

// partials[block] = the sum of squares of the block's share.
__global__ void square_partials(double *partials, const float *values, count elements) {
    __shared__ double shared[BLOCK];
    double sum = 0.0;
    for (count i = (count)blockIdx.x * BLOCK + threadIdx.x; i < elements; i += (count)gridDim.x * BLOCK)
        sum += (double)values[i] * values[i];
    shared[threadIdx.x] = sum;
    __syncthreads();
    for (int apart = BLOCK / 2; apart > 0; apart /= 2) {
        if (threadIdx.x < apart) shared[threadIdx.x] += shared[threadIdx.x + apart];
        __syncthreads();
    }
    if (threadIdx.x == 0) partials[blockIdx.x] = shared[0];
}

// One AdamW step of the elements from `first` on; the weights' shadow follows. Loshchilov and Hutter, arXiv:1711.05101, algorithm 2.
__global__ void adamw(
    float *weights, real *shadow_weights, const float *gradients, float *moments_1, float *moments_2, count first, count elements,
    float clip, float beta1, float beta2, float step, float second_correction, float keep
) {
    count i = first + (count)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= first + elements) return;
    float g = gradients[i] * clip;
    float m = beta1 * moments_1[i] + (1.0f - beta1) * g;
    float v = beta2 * moments_2[i] + (1.0f - beta2) * g * g;
    float w = weights[i] * keep - step * m / (sqrtf(v) * second_correction + 1e-8f);
    moments_1[i] = m;
    moments_2[i] = v;
    weights[i] = w;
    shadow_weights[i] = put(w);
}

#ifdef __cplusplus
}
#endif
