#include <curl/curl.h>
#include <locale.h>

// curl_easy_setopt and curl_easy_getinfo are variadic, which Swift can't call:
// one typed door each, nothing more.
__attribute__((unused)) static inline CURLcode orderflow_curl_set_long(CURL *h, CURLoption o, long v) { return curl_easy_setopt(h, o, v); }
__attribute__((unused)) static inline CURLcode orderflow_curl_set_pointer(CURL *h, CURLoption o, const void *v) { return curl_easy_setopt(h, o, v); }
__attribute__((unused)) static inline CURLcode orderflow_curl_set_function(CURL *h, CURLoption o, size_t (*v)(char *, size_t, size_t, void *)) { return curl_easy_setopt(h, o, v); }
__attribute__((unused)) static inline CURLcode orderflow_curl_get_offset(CURL *h, CURLINFO i, curl_off_t *v) { return curl_easy_getinfo(h, i, v); }
static inline CURLcode orderflow_curl_get_long(CURL *h, CURLINFO i, long *v) { return curl_easy_getinfo(h, i, v); }

// A host name in its ASCII form (IDNA), to be freed by curl_free; null where it has none. libcurl takes a name to be in
// the encoding of the locale, which is C in a program that never asked for another: this thread's is UTF-8 for the call.
__attribute__((unused)) static inline char *orderflow_curl_ascii_host(const char *host) {
    locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    if (!utf8) return 0;
    locale_t before = uselocale(utf8);
    char *ascii = 0;
    CURLU *url = curl_url();
    if (url && curl_url_set(url, CURLUPART_HOST, host, 0) == CURLUE_OK
        && curl_url_get(url, CURLUPART_HOST, &ascii, CURLU_PUNYCODE) != CURLUE_OK) {
        ascii = 0;
    }
    curl_url_cleanup(url);
    uselocale(before);
    freelocale(utf8);
    return ascii;
}

__attribute__((unused)) static inline CURLcode orderflow_curl_get_pointer(CURL *h, CURLINFO i, void **v) { return curl_easy_getinfo(h, i, v); }
__attribute__((unused)) static inline CURLcode orderflow_curl_set_opener(CURL *h, curl_opensocket_callback v) { return curl_easy_setopt(h, CURLOPT_OPENSOCKETFUNCTION, v); }
__attribute__((unused)) static inline CURLMcode orderflow_curl_multi_set_long(CURLM *m, CURLMoption o, long v) { return curl_multi_setopt(m, o, v); }
__attribute__((unused)) static inline CURLMcode orderflow_curl_multi_set_pointer(CURLM *m, CURLMoption o, void *v) { return curl_multi_setopt(m, o, v); }
__attribute__((unused)) static inline CURLMcode orderflow_curl_multi_set_watcher(CURLM *m, curl_socket_callback v) { return curl_multi_setopt(m, CURLMOPT_SOCKETFUNCTION, v); }
__attribute__((unused)) static inline CURLMcode orderflow_curl_multi_set_timer(CURLM *m, curl_multi_timer_callback v) { return curl_multi_setopt(m, CURLMOPT_TIMERFUNCTION, v); }

// The address lies in a structure that is longer than its declaration.
__attribute__((unused)) static inline const struct sockaddr *orderflow_curl_address(const struct curl_sockaddr *a) { return &a->addr; }

// A message of a transfer that has ended: its handle and its code, which lies in a union.
__attribute__((unused)) static inline CURL *orderflow_curl_ended(CURLM *m, CURLcode *code) {
    int left = 0;
    CURLMsg *message;
    while ((message = curl_multi_info_read(m, &left))) {
        if (message->msg != CURLMSG_DONE) continue;
        *code = message->data.result;
        return message->easy_handle;
    }
    return 0;
}
