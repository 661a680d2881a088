// libcuda, libnvrtc and libcublas as far as the engine calls them, on a processor: memory is memory, a "compiled" program is the path of a
// shared library that the C compiler made of the kernels, a launch runs it, and a product is three loops.
//
// Every memory ends at a page that cannot be touched, so that a kernel that runs over its end stops the program, and begins as
// not-a-numbers. DEVICE_H names device.h; FOLDER is where programs are compiled;
// a file called `broken` there breaks the device.

#define _GNU_SOURCE
#include <ctype.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SUCCESS = 0, OUT_OF_MEMORY = 2, NOT_FOUND = 500, LAUNCH_FAILED = 719, COMPILATION = 6, FREE_BYTES = 1 << 30, PAGE = 4096 };
typedef unsigned long long address;

// --- the driver ---

static void *current;

int cuInit(unsigned int flags) { return (void)flags, SUCCESS; }
int cuDeviceGetCount(int *count) { return *count = 1, SUCCESS; }
int cuDeviceGet(int *device, int ordinal) { return *device = ordinal, SUCCESS; }
int cuDeviceGetName(char *name, int length, int device) {
    return (void)device, snprintf(name, length, "emulated device"), SUCCESS;
}
// Compute capability 9.0 and memory pools, as an H100 has.
int cuDeviceGetAttribute(int *value, int attribute, int device) {
    (void)device;
    *value = attribute == 75 ? 9 : attribute == 115 ? 1 : 0;
    return SUCCESS;
}
int cuDevicePrimaryCtxRetain(void **context, int device) { return (void)device, *context = &current, SUCCESS; }
int cuDevicePrimaryCtxRelease_v2(int device) { return (void)device, SUCCESS; }
int cuCtxGetCurrent(void **context) { return *context = current, SUCCESS; }
int cuCtxSetCurrent(void *context) { return current = context, SUCCESS; }
int cuStreamSynchronize(void *stream) { return (void)stream, SUCCESS; }
int cuGetErrorName(int error, const char **text) { return (void)error, *text = "an emulated error", SUCCESS; }
int cuGetErrorString(int error, const char **text) { return cuGetErrorName(error, text); }

int cuMemGetInfo_v2(size_t *left, size_t *total) { return *left = *total = FREE_BYTES, SUCCESS; }

static size_t pages(size_t bytes) { return (bytes + PAGE - 1) / PAGE * PAGE; }

// The size comes first in the pages, the memory last, at the 8 bytes that its size allows.
int cuMemAllocAsync(address *place, size_t bytes, void *stream) {
    (void)stream;
    size_t held = PAGE + pages(bytes);
    char *all = mmap(NULL, held + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED) return OUT_OF_MEMORY;
    mprotect(all + held, PAGE, PROT_NONE);
    *(size_t *)all = held;
    memset(all + PAGE, 0xff, held - PAGE);
    *place = (address)(all + held - (bytes + 7) / 8 * 8);
    return SUCCESS;
}
int cuMemFreeAsync(address place, void *stream) {
    (void)stream;
    char *all = (char *)(place / PAGE * PAGE) - PAGE;
    return munmap(all, *(size_t *)all + PAGE);
}
int cuMemsetD8Async(address place, unsigned char value, size_t bytes, void *stream) {
    return (void)stream, memset((void *)place, value, bytes), SUCCESS;
}
int cuMemcpyHtoDAsync_v2(address to, const void *from, size_t bytes, void *stream) {
    return (void)stream, memcpy((void *)to, from, bytes), SUCCESS;
}
int cuMemcpyDtoHAsync_v2(void *to, address from, size_t bytes, void *stream) {
    return (void)stream, memcpy(to, (void *)from, bytes), SUCCESS;
}
int cuMemcpyDtoDAsync_v2(address to, address from, size_t bytes, void *stream) {
    return (void)stream, memcpy((void *)to, (void *)from, bytes), SUCCESS;
}

// A kernel, and what runs kernels of its module.
typedef struct {
    void (*call)(void **);
    void (*launch)(void (*)(void **), void **, const unsigned int[3], unsigned int);
} kernel;

int cuModuleLoadData(void **module, const char *image) {
    *module = dlopen(image, RTLD_NOW);
    return *module ? SUCCESS : (fprintf(stderr, "%s\n", dlerror()), NOT_FOUND);
}
int cuModuleGetFunction(kernel **function, void *module, const char *name) {
    char call[256];
    snprintf(call, sizeof call, "call_%s", name);
    *function = malloc(sizeof **function);
    *(void **)&(*function)->call = dlsym(module, call);
    *(void **)&(*function)->launch = dlsym(module, "emulated_launch");
    return (*function)->call ? SUCCESS : NOT_FOUND;
}
int cuModuleUnload(void *module) { return (void)module, SUCCESS; }
int cuLaunchKernel(
    kernel *function, unsigned int grid_x, unsigned int grid_y, unsigned int grid_z, unsigned int block_x, unsigned int block_y,
    unsigned int block_z, unsigned int shared, void *stream, void **arguments, void **extra
) {
    (void)block_y, (void)block_z, (void)shared, (void)stream, (void)extra;
    if (!access(FOLDER "/broken", F_OK)) return LAUNCH_FAILED;
    function->launch(function->call, arguments, (unsigned int[3]){grid_x, grid_y, grid_z}, block_x);
    return SUCCESS;
}

// --- the compiler ---

typedef struct {
    char *source, image[512], log[1 << 16];
} program;

int nvrtcCreateProgram(program **made, const char *source, const char *name, int count, const char **headers, const char **names) {
    (void)name, (void)count, (void)headers, (void)names;
    *made = calloc(1, sizeof **made);
    (*made)->source = strdup(source);
    return SUCCESS;
}
int nvrtcDestroyProgram(program **made) {
    free((*made)->source);
    free(*made);
    return SUCCESS;
}

// For `__global__ void NAME(TYPE A, TYPE B)`: `void call_NAME(void **p) { NAME(*(TYPE *)p[0], *(TYPE *)p[1]); }`.
static void write_call(FILE *file, const char *at) {
    const char *open = strchr(at, '('), *close = strchr(open, ')');
    fprintf(file, "void call_%.*s(void **p) { %.*s(", (int)(open - at), at, (int)(open - at), at);
    int number = 0;
    for (const char *start = open + 1; start < close; number++) {
        const char *end = start;
        while (end < close && *end != ',') end++;
        const char *name = end;
        while (isspace(name[-1])) name--;
        while (isalnum(name[-1]) || name[-1] == '_') name--;
        fprintf(file, "%s*(%.*s *)p[%d]", number ? ", " : "", (int)(name - start), start, number);
        start = end + 1;
    }
    fprintf(file, "); }\n");
}

int nvrtcCompileProgram(program *made, int count, const char **options) {
    char base[256], command[2048], defined[256] = "";
    static int number;
    snprintf(base, sizeof base, FOLDER "/kernels-%d-%d", (int)getpid(), number++);
    for (int i = 0; i < count; i++)
        if (!strncmp(options[i], "--define-macro=", 15)) snprintf(defined, sizeof defined, "-D%s", options[i] + 15);
    snprintf(command, sizeof command, "%s.c", base);
    FILE *file = fopen(command, "w");
    fprintf(file, "#include \"" DEVICE_H "\"\n%s\n", made->source);
    for (const char *at = made->source; (at = strstr(at, "__global__ void ")); at++) write_call(file, at + 16);
    fclose(file);
    snprintf(made->image, sizeof made->image, "%s.so", base);
    snprintf(command, sizeof command, "cc -O2 -w -U_FORTIFY_SOURCE -shared -fPIC %s -o %s.so %s.c -lm 2>&1", defined, base, base);
    FILE *compiler = popen(command, "r");
    fread(made->log, 1, sizeof made->log - 1, compiler);
    return pclose(compiler) ? COMPILATION : SUCCESS;
}
int nvrtcGetPTXSize(program *made, size_t *size) { return *size = strlen(made->image) + 1, SUCCESS; }
int nvrtcGetPTX(program *made, char *image) { return strcpy(image, made->image), SUCCESS; }
int nvrtcGetProgramLogSize(program *made, size_t *size) { return *size = strlen(made->log) + 1, SUCCESS; }
int nvrtcGetProgramLog(program *made, char *log) { return strcpy(log, made->log), SUCCESS; }

// --- products ---

enum { R_32F = 0, R_16BF = 14, OP_T = 1 };

static float load(const void *from, int type, long long at) {
    if (type == R_32F) return ((const float *)from)[at];
    unsigned int bits = (unsigned int)((const unsigned short *)from)[at] << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}
static void store(void *to, int type, long long at, float value) {
    if (type == R_32F) {
        ((float *)to)[at] = value;
        return;
    }
    unsigned int bits;
    memcpy(&bits, &value, sizeof bits);
    ((unsigned short *)to)[at] = (unsigned short)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

int cublasCreate_v2(void **handle) { return *handle = &current, SUCCESS; }
int cublasDestroy_v2(void *handle) { return (void)handle, SUCCESS; }
int cublasSetStream_v2(void *handle, void *stream) { return (void)handle, (void)stream, SUCCESS; }
int cublasGemmStridedBatchedEx(
    void *handle, int op_a, int op_b, int m, int n, int k, const float *alpha, const void *a, int type_a, int lda, long long stride_a,
    const void *b, int type_b, int ldb, long long stride_b, const float *beta, void *c, int type_c, int ldc, long long stride_c, int count,
    int compute, int algorithm
) {
    (void)handle, (void)compute, (void)algorithm;
    for (long long each = 0; each < count; each++)
        for (long long j = 0; j < n; j++)
            for (long long i = 0; i < m; i++) {
                float sum = 0.0f;
                for (long long l = 0; l < k; l++) {
                    long long at_a = op_a == OP_T ? l + i * lda : i + l * lda, at_b = op_b == OP_T ? j + l * ldb : l + j * ldb;
                    sum += load(a, type_a, each * stride_a + at_a) * load(b, type_b, each * stride_b + at_b);
                }
                long long at = each * stride_c + i + j * ldc;
                store(c, type_c, at, *alpha * sum + (*beta == 0.0f ? 0.0f : *beta * load(c, type_c, at)));
            }
    return SUCCESS;
}
