"""`check` walks the templates of a site; `serve` does not."""

ENGINE = 'django.template.backends.django.DjangoTemplates'


def test_check_tells_template_and_line(make_site):
    site = make_site(DEBUG=True)
    pages = site.folder / 'pages'
    pages.mkdir()
    (pages / 'form.html').write_text('<p>\n<form method="post"></form>\n<a title="{{ v|safe }}">x</a>\n')
    site.write(DEBUG=True, TEMPLATES=[{'BACKEND': ENGINE, 'DIRS': [str(pages)]}])
    said = site.run('check', '-v', '2')
    text = said.stdout + said.stderr
    assert '(donjon.W163)' in text and 'form.html:2' in text, text
    assert '(donjon.W162)' in text and 'form.html:3' in text, text
    site.start()
    assert 'donjon.W16' not in site.log()
