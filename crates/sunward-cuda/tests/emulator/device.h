// What kernels.cu needs of a device, on a processor: one block after another, each of its threads a coroutine that runs until it
// waits for its block or its warp; every other block runs them backwards, so that a missing wait shows. Threads that wait for each
// other for ever end the program.

#include <math.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#define __global__
#define __device__
#define __forceinline__ inline
#define __shared__ static

typedef struct {
    unsigned int x, y, z;
} index3;

static index3 threadIdx, blockIdx, blockDim, gridDim;

enum { MOST_THREADS = 1024, STACK = 1 << 16, WARP = 32 };
typedef enum { READY, AT_WARP, AT_BLOCK, DONE } state;

// Where the scheduler and each thread go on; jumps cost no system call, contexts only give each thread its stack.
static jmp_buf scheduler, threads[MOST_THREADS];
static int begun[MOST_THREADS];
static state states[MOST_THREADS];
static float exchanged[MOST_THREADS];
static void (*running)(void **);
static void **arguments;

static __attribute__((noinline)) void wait_as(state waiting) {
    states[threadIdx.x] = waiting;
    if (!_setjmp(threads[threadIdx.x])) _longjmp(scheduler, 1);
}

static void __syncthreads(void) { wait_as(AT_BLOCK); }

static float __shfl_xor_sync(unsigned int mask, float value, int lane) {
    unsigned int self = threadIdx.x;
    (void)mask;
    exchanged[self] = value;
    wait_as(AT_WARP);
    float other = exchanged[self ^ (unsigned int)lane];
    wait_as(AT_WARP);
    return other;
}

static unsigned int __float_as_uint(float x) {
    unsigned int bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static float __uint_as_float(unsigned int bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static void thread_main(void) {
    for (;;) {
        running(arguments);
        wait_as(DONE);
    }
}

static __attribute__((noinline)) void resume(unsigned int thread) {
    threadIdx.x = thread;
    if (_setjmp(scheduler)) return;
    if (begun[thread]) _longjmp(threads[thread], 1);
    begun[thread] = 1;
    ucontext_t context;
    getcontext(&context);
    context.uc_stack.ss_sp = malloc(STACK);
    context.uc_stack.ss_size = STACK;
    makecontext(&context, thread_main, 0);
    setcontext(&context);
}

// Makes the threads first..last ready if all of them that are not done wait as `waiting`; returns whether it did.
static int release(unsigned int first, unsigned int last, state waiting) {
    int any = 0;
    for (unsigned int i = first; i < last; i++) {
        if (states[i] != DONE && states[i] != waiting) return 0;
        any |= states[i] == waiting;
    }
    for (unsigned int i = first; i < last; i++)
        if (states[i] == waiting) states[i] = READY;
    return any;
}

static void run_block(void) {
    unsigned int count = blockDim.x;
    for (unsigned int i = 0; i < count; i++) states[i] = READY;
    for (;;) {
        int left = 0, released = 0;
        for (unsigned int k = 0; k < count; k++) {
            unsigned int i = blockIdx.x % 2 ? count - 1 - k : k;
            if (states[i] == READY) resume(i);
            left |= states[i] != DONE;
        }
        if (!left) return;
        for (unsigned int first = 0; first < count; first += WARP)
            released |= release(first, first + WARP < count ? first + WARP : count, AT_WARP);
        if (!released && !release(0, count, AT_BLOCK)) {
            fprintf(stderr, "threads of a block wait for each other for ever\n");
            abort();
        }
    }
}

// Runs a kernel; `call` takes its arguments from pointers to them.
void emulated_launch(void (*call)(void **), void **given, const unsigned int grid[3], unsigned int block) {
    running = call;
    arguments = given;
    gridDim = (index3){grid[0], grid[1], grid[2]};
    blockDim = (index3){block, 1, 1};
    for (blockIdx.z = 0; blockIdx.z < grid[2]; blockIdx.z++)
        for (blockIdx.y = 0; blockIdx.y < grid[1]; blockIdx.y++)
            for (blockIdx.x = 0; blockIdx.x < grid[0]; blockIdx.x++) run_block();
}
