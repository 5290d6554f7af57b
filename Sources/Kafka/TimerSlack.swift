import CLibrdkafka

/// Has the timed waits of a client's main thread end a little late, and so past the timer that they are for.
///
/// The thread waits whole milliseconds: librdkafka before 2.4.0 cuts off what its next timer is away beyond them, and then
/// turns in a loop, without waiting, until that has passed (confluentinc/librdkafka#4684). With a timer a second in each
/// client that was most of what a shop costs at rest. Nothing that the thread is told waits for the slack, only timers do, of
/// which none is as short.
enum TimerSlack {
    /// More than the millisecond that is cut off.
    static let main: UInt = 3_000_000
    /// What Linux gives processes. Threads inherit from the one that makes them, as a broker's does from the main thread;
    /// it waits for `linger.ms`.
    static let others: UInt = 50_000

    static func install(on conf: OpaquePointer) {
        rd_kafka_conf_interceptor_add_on_new(
            conf, "timer-slack",
            { rk, _, _, _, _ in
                rd_kafka_interceptor_add_on_thread_start(
                    rk, "timer-slack",
                    { _, type, _, _ in
                        orderflow_set_timer_slack(type == RD_KAFKA_THREAD_MAIN ? TimerSlack.main : TimerSlack.others)
                        return RD_KAFKA_RESP_ERR_NO_ERROR
                    }, nil)
            }, nil)
    }
}
