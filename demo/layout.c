/* demo/layout.c - the frame of a page. Style and script are inline, let in by the nonce of this one
 * answer. */
#include "layout.h"

#define STYLE                                                                                      \
    ":root{--ink:#1c2330;--soft:#566072;--paper:#fbfaf7;--card:#fff;--line:#dcd9d0;--stone:#"      \
    "3b4a63;--good:#1d6b43;"                                                                       \
    "--goodbg:#e4f3ea;--off:#8a3b12;--offbg:#fbe9de}"                                              \
    "@media(prefers-color-scheme:dark){:root{--ink:#e8e6e1;--soft:#a9b0bd;--paper:#14181f;--card:" \
    "#1c222c;"                                                                                     \
    "--line:#333c4a;--stone:#9db4d8;--good:#7fd3a4;--goodbg:#173527;--off:#f0a679;--offbg:#"       \
    "3d2314}}"                                                                                     \
    "*{box-sizing:border-box}"                                                                     \
    "body{margin:0;font:1.05rem/1.6 "                                                              \
    "system-ui,sans-serif;color:var(--ink);background:var(--paper)}"                               \
    "header,main,footer{max-width:60rem;margin:0 auto;padding:0 1.25rem}"                          \
    "header{display:flex;flex-wrap:wrap;gap:.5rem "                                                \
    "1.5rem;align-items:baseline;padding-top:1.25rem}"                                             \
    "header strong{font-size:1.2rem;letter-spacing:.02em}"                                         \
    "nav{display:flex;flex-wrap:wrap;gap:.25rem 1rem}a{color:var(--stone)}"                        \
    "a:focus-visible,button:focus-visible,input:focus-visible{outline:3px solid "                  \
    "var(--stone);outline-offset:2px}"                                                             \
    "h1{font-size:clamp(1.6rem,4vw,2.4rem);line-height:1.2;margin:2rem 0 "                         \
    ".5rem}h2{font-size:1.25rem;margin:2.25rem 0 .5rem}"                                           \
    "p{max-width:44rem}.lead{color:var(--soft);font-size:1.15rem}"                                 \
    ".skip{position:absolute;left:-999rem}.skip:focus{left:1rem;top:1rem;background:var(--card);"  \
    "padding:.5rem}"                                                                               \
    "ul.guards{list-style:none;padding:0;display:grid;gap:.75rem}"                                 \
    "ul.guards li{background:var(--card);border:1px solid "                                        \
    "var(--line);border-radius:.6rem;padding:.9rem 1.1rem}"                                        \
    ".guards h3{margin:0;font-size:1rem;display:flex;flex-wrap:wrap;gap:.6rem;align-items:center}" \
    ".guards p{margin:.35rem 0 0}"                                                                 \
    "code{font:.9em ui-monospace,monospace;overflow-wrap:anywhere}"                                \
    ".value{display:block;margin-top:.35rem;color:var(--soft)}"                                    \
    ".on,.off{font-size:.8rem;font-weight:600;border-radius:1rem;padding:.05rem .6rem}"            \
    ".on{color:var(--good);background:var(--goodbg)}.off{color:var(--off);background:var(--offbg)" \
    "}"                                                                                            \
    "form{display:flex;flex-wrap:wrap;gap:.6rem;align-items:end;margin:1rem 0}"                    \
    "label{display:grid;gap:.25rem;flex:1 1 20rem}"                                                \
    "input,button{font:inherit;padding:.5rem .7rem;border:1px solid "                              \
    "var(--line);border-radius:.4rem;"                                                             \
    "background:var(--card);color:inherit}button{background:var(--stone);color:var(--paper);"      \
    "cursor:pointer}"                                                                              \
    "pre{background:var(--card);border:1px solid "                                                 \
    "var(--line);border-radius:.6rem;padding:1rem;overflow:auto;"                                  \
    "white-space:pre-wrap;overflow-wrap:anywhere}"                                                 \
    "footer{color:var(--soft);font-size:.9rem;padding-top:3rem;padding-bottom:2rem}"

void put_text(dj_req *req, dj_response *resp, dj_str text)
{
    put(resp, dj_html_escape(dj_req_scope(req), text));
}

void put_static(dj_req *req, dj_response *resp, dj_html before, dj_str path, dj_html behind)
{
    dj_str url;
    if (dj_static_address(req, path, &url) != DJ_OK)
        return;
    put(resp, before);
    put_text(req, resp, url);
    put(resp, behind);
}

dj_response *page_begin(dj_req *req, int status, dj_html title)
{
    dj_response *resp = dj_respond(req, status);
    put(resp,
        DJ_HTML(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>"));
    put(resp, title);
    put(resp, DJ_HTML(" - Donjon demo</title>\n"));
    put_static(req, resp, DJ_HTML("<link rel=\"icon\" href=\""), DJ_LIT("img/donjon.svg"),
               DJ_HTML("\">\n"));
    put_static(req, resp, DJ_HTML("<link rel=\"stylesheet\" href=\""), DJ_LIT("css/site.css"),
               DJ_HTML("\">\n"));
    put(resp, DJ_HTML("<style nonce=\""));
    put_text(req, resp, dj_csp_nonce(req));
    put(resp,
        DJ_HTML(
            "\">" STYLE
            "</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#content\">Skip to content</a>\n"
            "<header><strong>Donjon</strong><nav aria-label=\"Pages\"><a href=\"/\">Protections</a>"
            "<a href=\"/echo/?q=%3Cscript%3Ealert(1)%3C%2Fscript%3E\">Hostile input</a><a "
            "href=\"/errors/\">Errors</a>"
            "<a href=\"/api/request/\">JSON</a></nav></header>\n<main id=\"content\">\n<h1>"));
    put(resp, title);
    put(resp, DJ_HTML("</h1>\n"));
    return resp;
}

dj_response *page_end(dj_response *resp)
{
    put(resp, DJ_HTML("</main>\n<footer>Made from string literals and escaped text: any other text "
                      "does not compile into a "
                      "page.</footer>\n</body>\n</html>\n"));
    return resp;
}
