// Runs the kernels of src/Dtt.Training/Kernels/Cuda/Code on a CPU, in the place of CUDA's driver: the threads of a block are contexts that take turns, and
// change when they wait for each other. The kernels' source comes before this file, behind emulator.h.
#include <cstdlib>
#include <cstring>
#include <ucontext.h>
#include <vector>

namespace {

struct Kernel { const char* name; void (*run)(void** arguments); };

template <typename... A, size_t... I>
void call(void (*kernel)(A...), void** arguments, std::index_sequence<I...>) { kernel(*static_cast<A*>(arguments[I])...); }

template <auto kernel> struct Entry;
template <typename... A, void (*kernel)(A...)> struct Entry<kernel>
{
    static void run(void** arguments) { call(kernel, arguments, std::index_sequence_for<A...>()); }
};

#define KERNEL(name) { #name, Entry<name>::run }
const Kernel kernels[] = {
    KERNEL(cross_entropy_fp32), KERNEL(cross_entropy_bf16),
    KERNEL(layer_norm_fp32), KERNEL(layer_norm_bf16), KERNEL(layer_norm_fp32_backward), KERNEL(layer_norm_bf16_backward),
    KERNEL(rms_norm_fp32), KERNEL(rms_norm_bf16), KERNEL(rms_norm_fp32_backward), KERNEL(rms_norm_bf16_backward),
    KERNEL(column_sums_fp32), KERNEL(column_sums_bf16), KERNEL(norm_sums_fp32), KERNEL(norm_sums_bf16),
};

struct Thread { ucontext_t context; std::vector<char> stack; bool ended; };

std::vector<Thread> threads;
ucontext_t scheduler;
const Kernel* running;
void** values;

void body()
{
    running->run(values);
    threads[threadIdx.x].ended = true;
    emulator::leave();
}

}   // namespace

namespace emulator {

void pause() { swapcontext(&threads[threadIdx.x].context, &scheduler); }

}

extern "C" int cudaSetDevice(int) { return 0; }
extern "C" int aoti_torch_get_current_cuda_stream(int, void** stream) { *stream = nullptr; return 0; }
extern "C" int cuModuleLoadData(void** module, const void*) { *module = nullptr; return 0; }
extern "C" int cuGetErrorString(int, const char** text) { *text = "no kernel of that name"; return 0; }

extern "C" int cuModuleGetFunction(const void** function, void*, const char* name)
{
    for (const Kernel& kernel : kernels)
        if (std::strcmp(kernel.name, name) == 0) { *function = &kernel; return 0; }
    return 500;
}

extern "C" int cuLaunchKernel(
    const void* function, unsigned columns, unsigned rows, unsigned, unsigned width, unsigned, unsigned, unsigned, void*, void** arguments, void**)
{
    running = static_cast<const Kernel*>(function);
    values = arguments;
    blockDim = { width, 1, 1 };
    gridDim = { columns, rows, 1 };
    threads.resize(width);
    for (unsigned block = 0; block < columns * rows; block++)
    {
        blockIdx = { block % columns, block / columns, 0 };
        emulator::begin(width);
        for (Thread& thread : threads)
        {
            thread.ended = false;
            thread.stack.resize(64 << 10);
            getcontext(&thread.context);
            thread.context.uc_stack.ss_sp = thread.stack.data();
            thread.context.uc_stack.ss_size = thread.stack.size();
            thread.context.uc_link = &scheduler;
            makecontext(&thread.context, body, 0);
        }

        for (bool going = true; going;)
        {
            going = false;
            for (unsigned i = 0; i < width; i++)
            {
                if (threads[i].ended) continue;
                threadIdx = { i, 0, 0 };
                swapcontext(&scheduler, &threads[i].context);
                going = true;
            }
        }
    }

    return 0;
}
