import CEpoll
import CLibcurl
import Glibc

/// The thread of a `ConcurrentSender`.
///
/// `@unchecked Sendable`: it is made on one thread and then used by the one that runs it, which ends it.
final class TransferLoop: @unchecked Sendable {
    private let configuration: ConcurrentSender.Configuration
    private let inbox: TransferInbox
    private let multi: UnsafeMutableRawPointer
    private let epoll: Int32
    /// Those under way, by their handles.
    private var transfers: [UnsafeMutableRawPointer: Transfer] = [:]
    /// Those that wait for a place, the first from `next` on.
    private var waiting: [TransferInbox.Parcel] = []
    private var next = 0
    /// When libcurl wants to be called though no socket is ready.
    private var timer: ContinuousClock.Instant?

    init(_ configuration: ConcurrentSender.Configuration, _ inbox: TransferInbox) throws(ConcurrentSenderError) {
        self.configuration = configuration
        self.inbox = inbox
        guard Curl.ready, let multi = curl_multi_init() else {
            throw ConcurrentSenderError(call: "curl_multi_init", errno: ENOMEM)
        }
        self.multi = multi
        epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard epoll >= 0 else {
            curl_multi_cleanup(multi)
            throw ConcurrentSenderError(call: "epoll_create1", errno: errno)
        }
        orderflow_curl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, configuration.idleConnections)
        watch(inbox.descriptor, CURL_POLL_IN)
    }

    /// Until the sender is gone and everybody has been answered.
    func run() {
        let context = Unmanaged.passUnretained(self).toOpaque()
        orderflow_curl_multi_set_pointer(multi, CURLMOPT_SOCKETDATA, context)
        orderflow_curl_multi_set_watcher(multi) { _, socket, what, context, _ in
            guard let context else { return 0 }
            Unmanaged<TransferLoop>.fromOpaque(context).takeUnretainedValue().watch(socket, what)
            return 0
        }
        orderflow_curl_multi_set_pointer(multi, CURLMOPT_TIMERDATA, context)
        orderflow_curl_multi_set_timer(multi) { _, milliseconds, context in
            guard let context else { return 0 }
            let loop = Unmanaged<TransferLoop>.fromOpaque(context).takeUnretainedValue()
            loop.timer = milliseconds < 0 ? nil : .now + .milliseconds(milliseconds)
            return 0
        }
        let ready = UnsafeMutablePointer<epoll_event>.allocate(capacity: 256)
        while true {
            let count = epoll_wait(epoll, ready, 256, waitMilliseconds())
            for index in 0..<max(0, Int(count)) {
                let socket = ready[index].data.fd
                if socket == inbox.descriptor {
                    inbox.acknowledge()
                } else {
                    act(socket, Self.readiness(ready[index].events))
                }
            }
            if let timer, timer <= .now {
                self.timer = nil
                act(CURL_SOCKET_TIMEOUT, 0)
            }
            answerEnded()
            let (parcels, order) = inbox.collect()
            waiting += parcels
            if order != .send { cutOff() }
            if order == .end { break }
            begin()
        }
        ready.deallocate()
        // Connections that were kept are closed here, and `watch` told so.
        curl_multi_cleanup(multi)
        close(epoll)
    }

    // MARK: Sockets

    private func waitMilliseconds() -> Int32 {
        guard let timer else { return -1 }
        let left = ContinuousClock.now.duration(to: timer).clamped(to: .zero ... .seconds(3_600))
        // Rounded up: a millisecond too early would be a turn in vain.
        return Int32((left / .milliseconds(1)).rounded(.up))
    }

    private func act(_ socket: curl_socket_t, _ events: Int32) {
        var running: Int32 = 0
        curl_multi_socket_action(multi, socket, events, &running)
    }

    private static func readiness(_ events: UInt32) -> Int32 {
        var readiness: Int32 = 0
        if events & EPOLLIN.rawValue != 0 { readiness |= CURL_CSELECT_IN }
        if events & EPOLLOUT.rawValue != 0 { readiness |= CURL_CSELECT_OUT }
        if events & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0 { readiness |= CURL_CSELECT_ERR }
        return readiness
    }

    /// - Parameter what: CURLMOPT_SOCKETFUNCTION(3).
    private func watch(_ socket: Int32, _ what: Int32) {
        var event = epoll_event()
        event.data.fd = socket
        guard what != CURL_POLL_REMOVE else {
            epoll_ctl(epoll, EPOLL_CTL_DEL, socket, &event)
            return
        }
        if what & CURL_POLL_IN != 0 { event.events |= EPOLLIN.rawValue }
        if what & CURL_POLL_OUT != 0 { event.events |= EPOLLOUT.rawValue }
        // libcurl doesn't say whether it has named the socket before.
        if epoll_ctl(epoll, EPOLL_CTL_MOD, socket, &event) != 0, errno == ENOENT {
            epoll_ctl(epoll, EPOLL_CTL_ADD, socket, &event)
        }
    }

    // MARK: Transfers

    private func begin() {
        while transfers.count < configuration.concurrency, next < waiting.count {
            let parcel = waiting[next]
            next += 1
            let left = ContinuousClock.now.duration(to: parcel.deadline)
            guard left > .zero else {
                parcel.whenDone(.failure(.timedOut("too much else was under way to begin")))
                continue
            }
            do throws(DeliveryFailure) {
                let transfer = try Transfer(parcel, within: left, configuration)
                guard curl_multi_add_handle(multi, transfer.handle) == CURLM_OK else {
                    throw .unreachable("out of memory")
                }
                transfers[transfer.handle] = transfer
            } catch {
                parcel.whenDone(.failure(error))
            }
        }
        // What was taken goes at times that make each of it cost the same.
        if next == waiting.count || next > 1_024 {
            waiting.removeFirst(next)
            next = 0
        }
    }

    private func answerEnded() {
        var code = CURLE_OK
        while let handle = orderflow_curl_ended(multi, &code) {
            curl_multi_remove_handle(multi, handle)
            guard let transfer = transfers.removeValue(forKey: handle) else { continue }
            transfer.whenDone(transfer.result(code))
        }
    }

    /// Everything under way ends as stopped.
    private func cutOff() {
        let parcels = waiting[next...]
        let cut = transfers
        (waiting, next, transfers) = ([], 0, [:])
        for transfer in cut.values {
            curl_multi_remove_handle(multi, transfer.handle)
            transfer.whenDone(.failure(.stopped))
        }
        for parcel in parcels { parcel.whenDone(.failure(.stopped)) }
    }
}
