#include <curl/curl.h>

// curl_easy_setopt and curl_easy_getinfo are variadic, which Swift can't call:
// one typed door each, nothing more.
__attribute__((unused)) static inline CURLcode orderflow_curl_set_long(CURL *h, CURLoption o, long v) { return curl_easy_setopt(h, o, v); }
__attribute__((unused)) static inline CURLcode orderflow_curl_set_pointer(CURL *h, CURLoption o, const void *v) { return curl_easy_setopt(h, o, v); }
__attribute__((unused)) static inline CURLcode orderflow_curl_set_function(CURL *h, CURLoption o, size_t (*v)(char *, size_t, size_t, void *)) { return curl_easy_setopt(h, o, v); }
__attribute__((unused)) static inline CURLcode orderflow_curl_get_offset(CURL *h, CURLINFO i, curl_off_t *v) { return curl_easy_getinfo(h, i, v); }
static inline CURLcode orderflow_curl_get_long(CURL *h, CURLINFO i, long *v) { return curl_easy_getinfo(h, i, v); }
