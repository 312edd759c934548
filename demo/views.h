/* demo/views.h - the demo's views. */
#pragma once
#include <donjon/donjon.h>

dj_response *front_page(dj_req *req);
dj_response *echo_page(dj_req *req);
dj_response *hello_page(dj_req *req);
dj_response *request_json(dj_req *req);
dj_response *errors_page(dj_req *req);
dj_response *error_now(dj_req *req);
