// CUDA on the CPU, for tests: the same .cu text, compiled by g++.
//
// The blocks of a launch run in turn. Each thread of a block is a fiber that runs until it
// waits, and each warp goes on until all its threads wait for other warps. Threads and warps take
// their turns in the order asked for (forward, reverse or random): a missing barrier shows as a
// wrong number in one of them.
// Barriers and masks are strict: what CUDA leaves undefined is an error here. Shared memory
// holds NaN when a block begins.
//
// Not shown by it: threads that truly run at once, atomics, CUDA's own exp and tanh, subnormals
// flushed to zero, fused multiply-add.

#include <math.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <ucontext.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <random>
#include <string>
#include <utility>
#include <vector>

// Without these, sqrt(float) would be computed in double.
using std::exp;
using std::fabs;
using std::fmax;
using std::log;
using std::log1p;
using std::sqrt;
using std::tanh;

#define __global__
#define __device__
#define __launch_bounds__(...)
#ifdef __SANITIZE_ADDRESS__
#define __shared__ static  // in a section of their own, variables get no red zones
#else
#define __shared__ static __attribute__((section("shim_shared")))
extern char __start_shim_shared[] __attribute__((weak, visibility("hidden")));
extern char __stop_shim_shared[] __attribute__((weak, visibility("hidden")));
#endif

namespace shim {

struct Index {
    unsigned x, y, z;
};

enum class State { ready, barrier, shuffle, done };

struct Thread {
    ucontext_t start;
    jmp_buf here;
    bool started;
    Index index;
    State state;
    int line;             // of the barrier or shuffle it waits at
    unsigned mask, from;  // of the shuffle: who takes part, and whose value this thread gets
    uint64_t sent, received;
};

const unsigned WARP = 32, MOST_THREADS = 1024, MOST_SHARED = 48 * 1024;
const size_t STACK = 16 * 1024 + 320;  // odd: equal places in all stacks would share cache lines

static std::vector<Thread> threads;
static std::vector<char> stacks;
static std::function<void()> kernel;
static Thread* current;
static jmp_buf scheduler;
static std::string error;
static Index block_index, block_size, grid_size;

static unsigned number(const Thread& thread) { return &thread - threads.data(); }

static void wait() {
    if (!_setjmp(current->here)) _longjmp(scheduler, 1);
}

// A fiber runs the kernel for one block after another.
static void fiber() {
    for (;;) {
        kernel();
        current->state = State::done;
        wait();
    }
}

static void resume(Thread& thread) {
    current = &thread;
    if (_setjmp(scheduler)) return;
    if (thread.started) _longjmp(thread.here, 1);
    thread.started = true;
    setcontext(&thread.start);
}

static void barrier(int line) {
    current->state = State::barrier;
    current->line = line;
    wait();
}

template <class T>
static T shuffle_xor(unsigned mask, T value, unsigned distance, int line) {
    static_assert(sizeof(T) <= sizeof current->sent);
    current->state = State::shuffle;
    current->line = line;
    current->mask = mask;
    current->from = (number(*current) % WARP) ^ distance;
    memcpy(&current->sent, &value, sizeof value);
    wait();
    memcpy(&value, &current->received, sizeof value);
    return value;
}

static void fail(const std::string& what, const Thread& thread) {
    if (error.empty())
        error = what + ", thread " + std::to_string(number(thread)) + ", line " +
                std::to_string(thread.line);
}

// Let a warp's shuffle happen once all the lanes of its mask have come to it.
static void release_shuffle(Thread* warp, unsigned lanes) {
    for (unsigned lane = 0; lane < lanes; lane++) {
        const State state = warp[lane].state;
        const int line = warp[lane].line;
        const unsigned mask = warp[lane].mask;
        if (state != State::shuffle) continue;
        if (!(mask >> lane & 1)) return fail("a lane is not in its own mask", warp[lane]);
        unsigned here = 0;
        for (unsigned i = 0; i < lanes; i++)
            here |= (warp[i].state == State::shuffle && warp[i].line == line &&
                     warp[i].mask == mask) << i;
        if (here != mask) continue;
        for (unsigned i = 0; i < lanes; i++)
            if (here >> i & 1) {
                if (!(here >> warp[i].from & 1))
                    return fail("a shuffle reads a lane outside its mask", warp[i]);
                warp[i].received = warp[warp[i].from].sent;
                warp[i].state = State::ready;
            }
    }
}

// Let all threads pass a barrier once every thread of the block has come to the same one.
static void release_barrier() {
    for (const Thread& thread : threads)
        if (thread.state != State::barrier) return;
    for (const Thread& thread : threads)
        if (thread.line != threads[0].line)
            return fail("threads wait at different barriers", thread);
    for (Thread& thread : threads) thread.state = State::ready;
}

// The numbers below `count` in the order asked for.
static std::vector<unsigned> in_order(unsigned count, const std::string& order) {
    static std::mt19937 random(0);
    std::vector<unsigned> numbers(count);
    std::iota(numbers.begin(), numbers.end(), 0);
    if (order == "reverse") std::reverse(numbers.begin(), numbers.end());
    if (order == "random") std::shuffle(numbers.begin(), numbers.end(), random);
    return numbers;
}

// Run the threads of a warp for as long as they come on without the others.
static bool run_warp(Thread* warp, unsigned lanes, const std::string& order) {
    for (bool moved = false;; moved = true) {
        bool progress = false;
        for (unsigned lane : in_order(lanes, order))
            if (warp[lane].state == State::ready) {
                resume(warp[lane]);
                progress = true;
            }
        release_shuffle(warp, lanes);
        if (!progress || !error.empty()) return moved;
    }
}

// One warp after another goes as far as it can: those before and after it are then at other
// places of the kernel, as they may be on a GPU.
static void run_block(const std::string& order) {
#ifndef __SANITIZE_ADDRESS__
    memset(__start_shim_shared, 0xff, __stop_shim_shared - __start_shim_shared);  // NaN
#endif
    for (Thread& thread : threads) thread.state = State::ready;
    for (bool progress = true; progress;) {
        progress = false;
        for (unsigned warp : in_order((threads.size() + WARP - 1) / WARP, order)) {
            Thread* first = &threads[warp * WARP];
            progress |= run_warp(first, std::min<size_t>(WARP, &*threads.end() - first), order);
        }
        release_barrier();
        if (!error.empty()) return;
    }
    for (const Thread& thread : threads)
        if (thread.state != State::done)
            return fail("not all threads come to a barrier or shuffle", thread);
}

static void start_fibers() {
    threads.assign(block_size.x * block_size.y * block_size.z, {});
    stacks.resize(MOST_THREADS * STACK);
    for (unsigned i = 0; i < threads.size(); i++) {
        Thread& thread = threads[i];
        unsigned rest = i / block_size.x;
        thread.index = {i % block_size.x, rest % block_size.y, rest / block_size.y};
        getcontext(&thread.start);
        thread.start.uc_stack.ss_sp = &stacks[i * STACK];
        thread.start.uc_stack.ss_size = STACK;
        makecontext(&thread.start, fiber, 0);
    }
}

static bool within(Index index, Index most) {
    return index.x && index.y && index.z && index.x <= most.x && index.y <= most.y &&
           index.z <= most.z;
}

// Run all blocks of a launch; gives back what went wrong, or "".
static const char* launch(Index grid, Index block, std::function<void()> body, const char* order) {
    error.clear();
    kernel = std::move(body);
    grid_size = grid;
    block_size = block;
    if (!within(grid, {0x7fffffffu, 65535, 65535})) return "the grid is too large, or empty";
    if (!within(block, {1024, 1024, 64}) || block.x * block.y * block.z > MOST_THREADS)
        return "the block is too large, or empty";
#ifndef __SANITIZE_ADDRESS__
    if (__stop_shim_shared - __start_shim_shared > MOST_SHARED) return "too much shared memory";
#endif
    start_fibers();
    for (unsigned z = 0; z < grid.z; z++)
        for (unsigned y = 0; y < grid.y; y++)
            for (unsigned x = 0; x < grid.x; x++) {
                block_index = {x, y, z};
                run_block(order);
                if (!error.empty()) return error.c_str();
            }
    return "";
}

// Call a kernel with arguments as cuLaunchKernel takes them: pointers to the values.
template <class... Types, size_t... I>
static void call(void (*f)(Types...), void** arguments, std::index_sequence<I...>) {
    f(*static_cast<Types*>(arguments[I])...);
}

template <class... Types>
static const char* launch_with(
    void (*f)(Types...), const unsigned* grid, const unsigned* block, void** arguments,
    const char* order) {
    return launch(
        {grid[0], grid[1], grid[2]}, {block[0], block[1], block[2]},
        [=] { call(f, arguments, std::index_sequence_for<Types...>()); }, order);
}

}  // namespace shim

#define threadIdx (shim::current->index)
#define blockIdx (shim::block_index)
#define blockDim (shim::block_size)
#define gridDim (shim::grid_size)
#define __syncthreads() shim::barrier(__LINE__)
#define __umul64hi(a, b) static_cast<uint64_t>((static_cast<unsigned __int128>(a) * (b)) >> 64)
#define __shfl_xor_sync(mask, value, distance) shim::shuffle_xor(mask, value, distance, __LINE__)

// A function that Python can call by the kernel's name.
#define EXPORT(name)                                                                              \
    extern "C" const char* launch_##name(                                                         \
        const unsigned* grid, const unsigned* block, void** arguments, const char* order) {       \
        return shim::launch_with(name, grid, block, arguments, order);                            \
    }
