#pragma once
#include <stddef.h>

/// A file of `files/`, in the program itself: a copy of the binary is all that is deployed.
struct orderflow_web_file {
    const unsigned char *bytes;
    size_t count;
};

/// Null bytes for a name that there is no file of.
struct orderflow_web_file orderflow_web_file(const char *name);
