#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

// rd_kafka_producev is variadic, which Swift can't call. Takes `headers` over when it succeeds.
static inline rd_kafka_resp_err_t orderflow_kafka_produce(
    rd_kafka_t *rk, const char *topic, int32_t partition, const void *key, size_t key_length, const void *value,
    size_t value_length, rd_kafka_headers_t *headers, int64_t timestamp, void *opaque) {
    return rd_kafka_producev(
        rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_KEY(key, key_length), RD_KAFKA_V_VALUE((void *)value, value_length), RD_KAFKA_V_HEADERS(headers),
        RD_KAFKA_V_TIMESTAMP(timestamp), RD_KAFKA_V_OPAQUE(opaque), RD_KAFKA_V_END);
}

// How late the kernel may let a wait of the calling thread end (prctl(2), PR_SET_TIMERSLACK); prctl is variadic too.
static inline void orderflow_set_timer_slack(unsigned long nanoseconds) {
#ifdef __linux__
    prctl(PR_SET_TIMERSLACK, nanoseconds, 0, 0, 0);
#endif
}

// -1 where threads have none.
static inline long orderflow_timer_slack(void) {
#ifdef __linux__
    return prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0);
#else
    return -1;
#endif
}
