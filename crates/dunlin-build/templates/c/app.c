// Answers HTTP requests: every request has an instance of its own, which begins with empty memory.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"

// What one call of a stream's takes.
enum { WRITE_BYTES_MAX = 4096 };

// Writes a body; whether all of it was taken. A client that has left takes nothing.
static bool write_all(wasi_http_types_borrow_outgoing_body_t body, const char *text, size_t len) {
    wasi_http_types_own_output_stream_t stream;
    if (!wasi_http_types_method_outgoing_body_write(body, &stream)) {
        return false;
    }
    bool taken = true;
    for (size_t at = 0; at < len && taken; at += WRITE_BYTES_MAX) {
        size_t left = len - at < WRITE_BYTES_MAX ? len - at : WRITE_BYTES_MAX;
        app_list_u8_t piece = {(uint8_t *)text + at, left};
        wasi_io_streams_stream_error_t error;
        taken = wasi_io_streams_method_output_stream_blocking_write_and_flush(
            wasi_io_streams_borrow_output_stream(stream), &piece, &error);
        if (!taken) {
            wasi_io_streams_stream_error_free(&error);
        }
    }
    wasi_io_streams_output_stream_drop_own(stream);
    return taken;
}

// Answers with a text.
static void answer(wasi_http_types_own_response_outparam_t out, const char *text, size_t len) {
    wasi_http_types_own_fields_t headers = wasi_http_types_constructor_fields();
    app_string_t name;
    app_string_set(&name, "content-type");
    const char *type = "text/plain; charset=utf-8";
    wasi_http_types_field_value_t value = {(uint8_t *)type, strlen(type)};
    wasi_http_types_header_error_t refused;
    wasi_http_types_method_fields_append(wasi_http_types_borrow_fields(headers), &name, &value,
                                         &refused);

    wasi_http_types_result_own_outgoing_response_error_code_t response = {.is_err = false};
    response.val.ok = wasi_http_types_constructor_outgoing_response(headers);
    wasi_http_types_own_outgoing_body_t body;
    bool has_body = wasi_http_types_method_outgoing_response_body(
        wasi_http_types_borrow_outgoing_response(response.val.ok), &body);
    // The response goes out now, and its body as it is written.
    wasi_http_types_static_response_outparam_set(out, &response);
    if (!has_body) {
        return;
    }
    write_all(wasi_http_types_borrow_outgoing_body(body), text, len);
    wasi_http_types_error_code_t error;
    wasi_http_types_static_outgoing_body_finish(body, NULL, &error);
}

void exports_wasi_http_incoming_handler_handle(
    exports_wasi_http_incoming_handler_own_incoming_request_t request,
    exports_wasi_http_incoming_handler_own_response_outparam_t response_out) {
    app_string_t path;
    bool has_path = wasi_http_types_method_incoming_request_path_with_query(
        wasi_http_types_borrow_incoming_request(request), &path);
    char text[WRITE_BYTES_MAX];
    // Texts of components are not closed by a zero.
    int len = snprintf(text, sizeof text, "Hello from {{name}}, %.*s\n",
                       has_path ? (int)path.len : 1, has_path ? (const char *)path.ptr : "/");
    answer(response_out, text, len < (int)sizeof text ? (size_t)len : sizeof text - 1);
    if (has_path) {
        app_string_free(&path);
    }
    wasi_http_types_incoming_request_drop_own(request);
}
