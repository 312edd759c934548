// Asks for the page's own headers and shows what the browser really got.
fetch(location.href, {method: 'HEAD'}).then(function (answer) {
    document.querySelectorAll('[data-header]').forEach(function (shown) {
        var value = answer.headers.get(shown.dataset.header);
        if (value) shown.textContent = value;
    });
});
