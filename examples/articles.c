/* examples/articles.c - pages from templates: a list, a detail page, an error page.
 *
 * The templates lie in examples/articles/; `donjon embed` puts them into the program. */
#include <donjon/donjon.h>

typedef struct article {
    int64_t id, published; /* Unix time */
    dj_str  title, text;
} article;
DJ_ATTRS(article, DJ_ATTR(article, id), DJ_ATTR(article, title), DJ_ATTR(article, text),
         DJ_ATTR_TIME(article, published));

static const article articles[] = {
    {1, 1767225600, DJ_STR_INIT("Walls"), DJ_STR_INIT("Thick ones.\n\nWith <few> doors.")},
    {2, 1769904000, DJ_STR_INIT("Bread & water"), DJ_STR_INIT("See www.example.com.")},
};

/* What each page shows: a struct, and a table of what its template may see of it. */
typedef struct index_ctx {
    const article *articles;
    size_t         narticles;
} index_ctx;
DJ_ATTRS(index_ctx, DJ_ATTR_ARRAY(index_ctx, articles, narticles, article));

typedef struct detail_ctx {
    const article *article;
} detail_ctx;
DJ_ATTRS(detail_ctx, DJ_ATTR_OBJECT(detail_ctx, article, article));

static dj_response *index_page(dj_req *req)
{
    return dj_render(req, "index.html",
                     DJ_CTX(index_ctx, .articles = articles, .narticles = DJ_COUNT(articles)));
}

static dj_response *detail_page(dj_req *req)
{
    int64_t id = dj_path_int(req, "id");
    for (size_t i = 0; i < DJ_COUNT(articles); i++) {
        if (articles[i].id == id)
            return dj_render(req, "detail.html", DJ_CTX(detail_ctx, .article = &articles[i]));
    }
    return dj_not_found(req); /* 404.html */
}

static const dj_route urls[] = {
    DJ_PATH("", index_page, .name = "index", .methods = DJ_GET),
    DJ_PATH("<int:id>/", detail_page, .name = "article", .methods = DJ_GET),
};

extern const dj_embedded_templates articles_templates; /* donjon embed articles -n ... */

int main(int argc, char **argv)
{
    return dj_manage(argc, argv,
                     &(dj_app){.urls = DJ_ALL(urls),
                               .settings = "articles.py",
                               .templates = &articles_templates});
}
