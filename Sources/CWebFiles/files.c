#include "CWebFiles.h"
#include <string.h>

// #embed is C23; clang has it in every mode since 19, the one in Swift 6.2, and tracks the files as dependencies.
#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char openapi_json[] = {
#embed "files/openapi.json"
};

static const struct {
    const char *name;
    struct orderflow_web_file file;
} files[] = {
    {"openapi.json", {openapi_json, sizeof openapi_json}},
};

struct orderflow_web_file orderflow_web_file(const char *name) {
    for (size_t index = 0; index < sizeof files / sizeof *files; index++)
        if (strcmp(files[index].name, name) == 0) return files[index].file;
    return (struct orderflow_web_file){NULL, 0};
}
