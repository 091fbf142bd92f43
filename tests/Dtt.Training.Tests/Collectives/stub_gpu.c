/* Stands in for libcudart, libtorch_cuda and NCCL: writes down what is called, in order, and does nothing.
   What stub_fail names returns an error. With stub_block, ncclAllReduce returns only after ncclCommAbort, and events never happen. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

typedef struct { unsigned char bytes[128]; } id_t128;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t aborted_now = PTHREAD_COND_INITIALIZER;
static char text[65536], failing[64];
static int aborted, blocks;
static long next_handle = 100;
static double now, times[10000];   /* of the GPU, milliseconds, and when each event was recorded */

#define SAY(...) do { pthread_mutex_lock(&gate); \
    snprintf(text + strlen(text), sizeof text - strlen(text), __VA_ARGS__); strcat(text, "\n"); pthread_mutex_unlock(&gate); } while (0)
#define RESULT(name) (strcmp(failing, name) == 0 ? 3 : 0)

void stub_reset(void) { pthread_mutex_lock(&gate); text[0] = failing[0] = 0; aborted = blocks = 0; pthread_mutex_unlock(&gate); }
void stub_fail(const char* name) { strncpy(failing, name, sizeof failing - 1); }
void stub_block(void) { blocks = 1; }
void stub_time(double milliseconds) { now = milliseconds; }
const char* stub_log(void) { return text; }

int aoti_torch_get_current_cuda_stream(int device, void** stream) { (void)device; *stream = (void*)1; return 0; }
int cudaStreamCreateWithFlags(void** stream, unsigned flags) { (void)flags; *stream = (void*)2; return 0; }
int cudaEventCreateWithFlags(void** event, unsigned flags) { (void)flags; *event = (void*)next_handle++; return 0; }
int cudaEventRecord(void* event, void* stream) { SAY("record %ld on %ld", (long)event % 2, (long)stream); times[(long)event] = now; return 0; }
int cudaEventSynchronize(void* event) { (void)event; return 0; }
int cudaEventElapsedTime(float* milliseconds, void* from, void* to) { *milliseconds = (float)(times[(long)to] - times[(long)from]); return 0; }
int cudaGetLastError(void) { return 0; }
int cudaStreamWaitEvent(void* stream, void* event, unsigned flags) { (void)flags; SAY("%ld waits for %ld", (long)stream, (long)event % 2); return 0; }
int cudaEventQuery(void* event) { (void)event; return blocks ? 600 : 0; }
int cudaStreamDestroy(void* stream) { (void)stream; return 0; }
int cudaEventDestroy(void* event) { (void)event; return 0; }
int cudaMemGetInfo(size_t* available, size_t* total) { *available = 3; *total = 4; return 0; }
int cudaGetDeviceCount(int* count) { *count = 0; return 100; }
int cudaGetDeviceProperties(char* properties, int device) { (void)device; memset(properties, 0, 1024); strcpy(properties, "Stub H100"); return 0; }
int cudaDriverGetVersion(int* version) { *version = 13000; return 0; }
int cudaRuntimeGetVersion(int* version) { *version = 12080; return 0; }
const char* cudaGetErrorString(int error) { return error == 100 ? "no CUDA-capable device is detected" : "some error"; }

int ncclGetUniqueId(id_t128* id) { for (int i = 0; i < 128; i++) id->bytes[i] = (unsigned char)(255 - i); return 0; }
int ncclCommInitRank(void** communicator, int ranks, id_t128 id, int rank) {
    int right = 1;
    for (int i = 0; i < 128; i++) right &= id.bytes[i] == (unsigned char)(255 - i);
    SAY("init rank %d of %d, id %s", rank, ranks, right ? "whole" : "torn");
    *communicator = (void*)7;
    return 0;
}
int ncclAllReduce(const void* from, void* to, size_t count, int type, int operation, void* communicator, void* stream) {
    SAY("all-reduce %zu of type %d by %d on %ld in %ld%s", count, type, operation, (long)stream, (long)communicator, from == to ? "" : ", not in place");
    pthread_mutex_lock(&gate);
    while (blocks && !aborted) pthread_cond_wait(&aborted_now, &gate);
    pthread_mutex_unlock(&gate);
    return aborted ? 6 : RESULT("ncclAllReduce");
}
int ncclReduce(const void* from, void* to, size_t count, int type, int operation, int root, void* communicator, void* stream) {
    (void)from; (void)to; (void)type; (void)operation; (void)communicator; (void)stream;
    SAY("reduce %zu to %d", count, root);
    return RESULT("ncclReduce");
}
int ncclBroadcast(const void* from, void* to, size_t count, int type, int root, void* communicator, void* stream) {
    (void)from; (void)to; (void)type; (void)communicator; (void)stream;
    SAY("broadcast %zu from %d", count, root);
    return RESULT("ncclBroadcast");
}
int ncclGroupStart(void) { SAY("group"); return 0; }
int ncclGroupEnd(void) { SAY("end of group"); return 0; }
int ncclCommGetAsyncError(void* communicator, int* error) { (void)communicator; *error = RESULT("async"); return 0; }
int ncclCommAbort(void* communicator) {
    (void)communicator;
    SAY("abort");
    pthread_mutex_lock(&gate);
    aborted = 1;
    pthread_cond_broadcast(&aborted_now);
    pthread_mutex_unlock(&gate);
    return 0;
}
int ncclCommDestroy(void* communicator) { (void)communicator; SAY("destroy"); return 0; }
const char* ncclGetErrorString(int error) { return error == 6 ? "remote process exited" : "internal error"; }
