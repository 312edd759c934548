"""A real browser reads a page that puts hostile strings into every context: no script runs but the page's own, no dialog opens,
nothing navigates, no policy is violated, every element is where the template has it, and every string arrives as it is.

Chromium is driven over its own pipe (--remote-debugging-pipe), so nothing but the browser is needed."""

import contextlib
import json
import os
import pathlib
import select
import shutil
import signal
import subprocess
import tempfile
import time

import pytest

HERE = pathlib.Path(__file__).resolve().parent
STRINGS = json.loads((HERE / 'hostile_strings.json').read_text())
CHROMIUM = shutil.which('chromium')
LONG = 180  # seconds until the browser is given up; never a measure of speed

# Runs before anything of the page: whatever a hostile string would do, it tells.
WATCH = r"""
(() => {
  const seen = window.seenByTest = {canary: [], violations: []};
  for (const name of ['canary', 'alert', 'confirm', 'prompt', 'print', 'open'])
    window[name] = (...args) => { seen.canary.push(name + ': ' + args.join(' ')); };
  addEventListener('securitypolicyviolation', e =>
    seen.violations.push(`${e.effectiveDirective} ${e.blockedURI} ${e.sample}`));
})();
"""

# Each case must have the shape of the first one; texts and attributes must read as the string.
JUDGE = r"""
(async strings => {
  const problems = [], seen = window.seenByTest;
  const say = (i, what, got) => problems.push(`${i} ${JSON.stringify(strings[i])}: ${what}: ${JSON.stringify(got)}`);
  const cases = [...document.querySelectorAll('body > .case')];
  const inline = document.querySelector('.handler') !== null;
  const shape = node => node.nodeType === 8 ? '<!>' : node.nodeType !== 1 ? '' :
    `<${node.localName} ${node.className === 'name' ? '' : [...node.attributes].map(a => a.name).join(' ')}>` +
    [...node.childNodes].map(shape).join('') + '</>';
  const same = (i, what, got, want) => { if (got !== want) say(i, what, got); };
  const harmful = url => /^(javascript|vbscript|data|blob):/i.test(url);
  if (cases.length !== strings.length)
    problems.push(`${cases.length} cases`);
  const want = shape(cases[0]);
  for (const [i, at] of cases.entries()) {
    const s = strings[i], one = sel => at.querySelector(sel);
    same(i, 'shape', shape(at), want);
    same(i, 'text', one('.text').textContent, s);
    same(i, 'quoted', one('.quoted').title, s);
    same(i, 'single', one('.quoted').dataset.single, s);
    same(i, 'bare', one('.bare').title, s === '' ? 'ZdonjonZ' : s);
    same(i, 'title', one('title').textContent, s);
    same(i, 'textarea', one('textarea').value, s.replace(/^\n/, ''));
    same(i, 'json', JSON.parse(one('.json').textContent), s);
    same(i, 'script', window.strings[2 * i], s);
    same(i, 'script, single', window.strings[2 * i + 1], s);
    same(i, 'value', values[i], s);
    if (!patterns[i].test(s)) say(i, 'pattern', patterns[i].source);
    same(i, 'query', decodeURIComponent(one('.query').search), '?a=1&q=' + s);
    const names = [...one('.name').attributes].map(a => a.name);
    if (names.length !== 2 && !(names.length === 1 && s === 'class') || names.some(n => /^on|^style$|src|href/.test(n)))
      say(i, 'name', names);
    for (const link of at.querySelectorAll('a[href]'))
      if (harmful(link.protocol) || harmful(link.href)) say(i, 'link', link.href);
    for (const url of [one('img').src, one('form').action, one('button').formAction])
      if (harmful(url)) say(i, 'url', url);
    for (const sheet of document.styleSheets)
      if (sheet.ownerNode === one('style') && sheet.cssRules.length > 1) say(i, 'rules', sheet.cssRules.length);
    // What a visitor could do. A link that runs code would run it now; the others must not lead away.
    const stay = e => { if (!harmful(e.target.protocol || '')) e.preventDefault(); };
    at.addEventListener('click', stay);
    for (const element of at.querySelectorAll('a, button, p, img'))
      for (const type of ['mouseover', 'focus', 'error', 'load', 'click'])
        element.dispatchEvent(new MouseEvent(type, {bubbles: type === 'click', cancelable: true}));
    if (inline) {
      if (calls.length !== 2 || calls.some(([a, b]) => a !== s || b !== s)) say(i, 'handler', calls);
      calls.length = 0;
      same(i, 'srcdoc', new DOMParser().parseFromString(one('iframe').srcdoc, 'text/html').body.innerHTML ===
        `<p>${new Option(s).innerHTML}</p>`, true);
    }
  }
  await new Promise(done => setTimeout(done, 0));
  return {problems, canary: seen.canary, violations: seen.violations, title: document.title};
})
"""


class Browser:
    """Chromium, headless; `call` is a command of its protocol, `events` what it told meanwhile."""

    def __init__(self, folder):
        ours, theirs = os.pipe(), os.pipe()  # what it reads, what it writes

        def pipes():
            """Descriptors 3 and 4 are where it looks; higher copies first, as these may be 3 or 4 already."""
            read, write = os.dup2(ours[0], 100), os.dup2(theirs[1], 101)
            os.dup2(read, 3)
            os.dup2(write, 4)

        options = ['--headless=new', '--remote-debugging-pipe', f'--user-data-dir={folder}/profile', '--no-first-run', '--disable-gpu',
                   '--disable-extensions', '--disable-background-networking', '--disable-component-update', '--disable-dev-shm-usage',
                   '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1', *(['--no-sandbox'] if os.geteuid() == 0 else [])]
        self.process = subprocess.Popen([CHROMIUM, *options, 'about:blank'], preexec_fn=pipes, close_fds=False, start_new_session=True,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        env={**os.environ, 'HOME': str(folder)})
        os.close(ours[0])
        os.close(theirs[1])
        self.to, self.of = ours[1], theirs[0]
        self.buffer, self.events, self.count, self.session = b'', [], 0, None

    def message(self, end):
        while b'\0' not in self.buffer:
            ready, _, _ = select.select([self.of], [], [], max(0, end - time.monotonic()))
            assert ready, 'the browser says nothing'
            data = os.read(self.of, 1 << 20)
            assert data, f'the browser ended: {self.process.poll()}'
            self.buffer += data
        text, _, self.buffer = self.buffer.partition(b'\0')
        return json.loads(text)

    def call(self, method, **params):
        self.count += 1
        command = {'id': self.count, 'method': method, 'params': params}
        if self.session:
            command['sessionId'] = self.session
        data = json.dumps(command).encode() + b'\0'
        while data:
            data = data[os.write(self.to, data):]
        end = time.monotonic() + LONG
        while True:
            message = self.message(end)
            if message.get('id') == self.count:
                assert 'error' not in message, message['error']
                return message['result']
            self.events.append(message)

    def wait(self, method):
        end = time.monotonic() + LONG
        while not any(e.get('method') == method for e in self.events):
            self.events.append(self.message(end))

    def open_tab(self):
        target = self.call('Target.createTarget', url='about:blank')['targetId']
        self.session = self.call('Target.attachToTarget', targetId=target, flatten=True)['sessionId']
        self.call('Page.enable')
        self.call('Runtime.enable')
        self.call('Page.addScriptToEvaluateOnNewDocument', source=WATCH)

    def end(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self.to)
        os.close(self.of)


@pytest.fixture
def browser():
    assert CHROMIUM, 'no chromium: apt-get install chromium'
    folder = tempfile.mkdtemp(prefix='donjon-browser-')
    one = Browser(folder)
    try:
        one.open_tab()
        yield one
    finally:
        one.end()
        shutil.rmtree(folder, ignore_errors=True)


def judge(browser, url):
    browser.events.clear()
    browser.call('Page.navigate', url=url)
    browser.wait('Page.loadEventFired')
    expression = f'({JUDGE})({json.dumps(STRINGS)})'
    said = browser.call('Runtime.evaluate', expression=expression, awaitPromise=True, returnByValue=True)
    assert 'exceptionDetails' not in said, said['exceptionDetails']
    names = [e.get('method') for e in browser.events]
    assert 'Page.javascriptDialogOpening' not in names
    moves = [e['params']['frame']['url'] for e in browser.events
             if e.get('method') == 'Page.frameNavigated' and 'parentId' not in e['params']['frame']]
    assert moves == [url]
    errors = [e['params']['exceptionDetails'].get('exception', {}).get('description') or e['params']['exceptionDetails']['text']
              for e in browser.events if e.get('method') == 'Runtime.exceptionThrown']
    assert errors == []
    return said['result']['value']


STRICT = """SECURE_CSP = {'default-src': [CSP.SELF], 'script-src': [CSP.NONCE], 'style-src': [CSP.NONCE],
    'img-src': ['*', 'mailto:'], 'base-uri': [CSP.NONE], 'form-action': [CSP.SELF]}
"""


@pytest.mark.release
@pytest.mark.parametrize('path, csp', [('strict/', STRICT), ('inline/', 'SECURE_CSP = {}\n')], ids=['under a strict policy', 'with handlers, no policy'])
def test_no_hostile_string_becomes_code(make_site, browser, path, csp):
    site = make_site('tests/site/hostilesite', raw=csp)
    site.start(env={'DONJON_HOSTILE': str(HERE)})
    assert len(STRINGS) >= 300
    found = judge(browser, f'http://127.0.0.1:{site.port}/{path}')
    assert found['problems'] == []
    assert found['canary'] == []
    assert found['violations'] == []
