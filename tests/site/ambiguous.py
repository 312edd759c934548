"""Requests that two readers might understand differently, made by a seeded generator: ambiguous(random, number) -> (class, bytes).

Each holds, somewhere, a request for /smuggled/NUMBER/ that one of the readers might find. A class is a function here."""

HOST = b'www.example.com'
TE_VALUES = [b'chunked', b'Chunked', b'CHUNKED', b' chunked', b'\tchunked', b'chunked ', b'chunked\t', b'\x0bchunked', b'chunked\x0b',
             b'\x0cchunked', b'"chunked"', b'chunked, identity', b'identity, chunked', b'gzip, chunked', b'chunked, chunked',
             b'chunked;q=1', b'xchunked', b'chunkedx', b',chunked', b'chunked,', b', ,chunked', b'', b'cow', b'identity', b'chunked\xa0',
             b'\xa0chunked', b'chunked\x00', b'chun\tked', b'chunked\r', b'chunked\r\n\tx', b'\r\n chunked', b'deflate', b'trailers']
TE_NAMES = [b'Transfer-Encoding', b'transfer-encoding', b'TRANSFER-ENCODING', b'Transfer_Encoding', b'Transfer-Encoding ',
            b'Transfer-Encoding\t', b' Transfer-Encoding', b'\tTransfer-Encoding', b'Transfer-Encoding\x0b', b'Transfer\x00-Encoding',
            b'Transfer-Encoding\xad', b'X-A: b\nTransfer-Encoding', b'X-A: b\rTransfer-Encoding', b'Transfer-Encoding:',
            b'Transfer Encoding', b'"Transfer-Encoding"', b'Transfer-\xc4\x95ncoding', b'TE', b'Transfer-Encodin']
LENGTH_VALUES = [b'%d', b'0%d', b'+%d', b'-%d', b' %d ', b'%d\t', b'\x0b%d', b'%d\x0b', b'0x%x', b'%d.0', b'%d;', b'%d,', b'%d, %d',
                 b'"%d"', b'%d %d', b'', b'%de0', b'%d\x00', b'\r\n %d', b'00000000000000000000%d', b'1844674407370955161%d', b'%d\xa0',
                 b'_%d', b'%d_0']
CHUNK_SIZES = [b'%x', b'%X', b'0%x', b'0000000000000000%x', b'0x%x', b'+%x', b'-%x', b' %x', b'%x ', b'\t%x', b'%x\t', b'%x;', b'%x;a',
               b'%x;a=b', b'%x;a="b"', b'%x;a="b', b'%x ;a=b', b'%x; a=b', b'%x;a=b;c', b'%x;\x01', b'%x,', b'%xg', b'%x\x00', b'%x.0',
               b'%x_', b'100000000%08x', b'%x;a="\r\n"', b'%x;\n', b'%x;a\rb', b'']
LINE_ENDS = [b'\n', b'\r', b'\r\r\n', b'\n\r\n', b'\r\n\r', b'\x0b\r\n', b' \r\n', b'\x00\r\n', b'\x85', b'\r\n ']
NAMES = [b'X-A', b'x_a', b'Content_Length', b'Content-Length ', b'Content-Length\x00', b'content-length', b'', b' ', b'X A', b'X-A\t',
         b'X\xe9', b'(x)', b'X"A', b'X-A:', b'Content-Length\x0b', b'Host ', b'\x01', b'X@', b'Content\x2dLength\x1f']


def hidden(number):
    return b'GET /smuggled/%d/ HTTP/1.1\r\nHost: %b\r\n\r\n' % (number, HOST)


def head(target, *fields, method=b'POST', version=b'HTTP/1.1', host=True):
    lines = [b' '.join(part for part in (method, target, version) if part)]
    if host:
        lines.append(b'Host: ' + HOST)
    return b''.join(line + b'\r\n' for line in (*lines, *fields)) + b'\r\n'


def chunked(*pieces):
    return b''.join(b'%x\r\n%b\r\n' % (len(piece), piece) for piece in pieces) + b'0\r\n\r\n'


def filled(rnd, values, number):
    """One of the values, with the number in it."""
    value = rnd.choice(values)
    for form in (b'%d', b'%x', b'%X', b'%08x'):
        value = value.replace(form, form % number)
    return value


def target(rnd, number):
    return b'/m/%d/' % number + rnd.choice([b'', b'', b'?a=b'])


def length_and_coding(rnd, n):
    body = rnd.choice([chunked(), chunked(b'x' * rnd.randint(1, 9)), b'0\r\n\r\n']) + hidden(n)
    length = rnd.choice([len(body), 0, 1, 5, len(body) - len(hidden(n)), len(body) + 1])
    fields = [b'Content-Length: %d' % length, b'Transfer-Encoding: '
              + rnd.choice([b'chunked', b'identity', b'Chunked', b'gzip, chunked', b'x'])]
    rnd.shuffle(fields)
    return head(target(rnd, n), *fields, version=rnd.choice([b'HTTP/1.1', b'HTTP/1.1', b'HTTP/1.0'])) + body


def lengths(rnd, n):
    body = rnd.choice([hidden(n), b'x' * rnd.randint(0, 20) + hidden(n)])
    sizes = [rnd.choice([len(body), 0, 1, 7, len(body) - len(hidden(n))]) for _ in range(rnd.randint(1, 3))]
    fields = [rnd.choice([b'Content-Length', b'content-length', b'CONTENT-LENGTH']) + b': '
              + filled(rnd, LENGTH_VALUES if rnd.random() < .7 else [b'%d'], size)
              for size in sizes]
    return head(target(rnd, n), *fields) + body


def codings(rnd, n):
    fields = [rnd.choice(TE_NAMES if rnd.random() < .5 else TE_NAMES[:1]) + b': '
              + rnd.choice(TE_VALUES if rnd.random() < .7 else TE_VALUES[:1])
              for _ in range(rnd.choice([1, 1, 2]))]
    if rnd.random() < .4:
        fields.insert(rnd.randint(0, len(fields)), b'Content-Length: %d' % rnd.choice([0, 3, 5, 20]))
    return head(target(rnd, n), *fields) + chunked(*([b'abc'] if rnd.random() < .5 else [])) + hidden(n)


def chunk_sizes(rnd, n):
    data = rnd.choice([b'abc', b'x' * 17, hidden(n)])
    lines = [filled(rnd, CHUNK_SIZES, len(data) + rnd.choice([0, 0, 0, -1, 1, 2]))
             + rnd.choice([b'\r\n', b'\r\n', b'\r\n', b'\n', b'\r', b'\r\r\n']),
             data, rnd.choice([b'\r\n', b'\r\n', b'\r\n', b'\n', b'', b'\r', b'xx', b'\n\r\n'])]
    last = rnd.choice([b'0', b'0', b'0', b'00', b'0x0', b'-0', b'0;a', b'0 ', b'']) + rnd.choice([b'\r\n', b'\r\n', b'\n', b'\r'])
    trailers = rnd.choice([b'', b'', b'X-T: v\r\n', b'Content-Length: 9\r\n', b'Transfer-Encoding: chunked\r\n', b'bad\r\n',
                           b' fold\r\n', b'X-T: v\n', b'Host: b\r\n'])
    end = rnd.choice([b'\r\n', b'\r\n', b'\n', b'\r'])
    return head(target(rnd, n), b'Transfer-Encoding: chunked') + b''.join(lines) + last + trailers + end + hidden(n)


def line_ends(rnd, n):
    data = head(target(rnd, n), b'X-A: b', b'Content-Length: 3', b'X-C: d') + b'abc' + hidden(n)
    for _ in range(rnd.randint(1, 3)):
        places = [i for i in range(len(data) - 1) if data[i:i + 2] == b'\r\n']
        at = rnd.choice(places)
        data = data[:at] + rnd.choice(LINE_ENDS) + data[at + 2:]
        if b'\r\n' not in data:
            break
    return data


def folds(rnd, n):
    fold = rnd.choice([b'\r\n ', b'\r\n\t', b'\n ', b'\r ', b'\r\n \r\n '])
    field = rnd.choice([b'X-A: b' + fold + b'c', b'Content-Length:' + fold + b'3', b'Transfer-Encoding:' + fold + b'chunked',
                        b'X-A:' + fold + b'Content-Length: 50', b'Host' + fold + b': b', b'X-A: b' + fold])
    fields = [field, b'Content-Length: 3'] if rnd.random() < .6 else [field]
    rnd.shuffle(fields)
    return head(target(rnd, n), *fields) + b'abc' + hidden(n)


def hosts(rnd, n):
    names = [b'www.example.com', b'other.example', b'', b'a b', b'www.example.com:80', b'www.example.com:', b'user@www.example.com',
             b'[::1]', b'a,b', b'a/b', b'a_b', b'\xc3\xa9', b'%41']
    where = rnd.choice([b'http://%b/m/%d/' % (rnd.choice(names), n), b'https://%b/m/%d/' % (rnd.choice(names), n),
                        b'//%b/m/%d/' % (rnd.choice(names), n), target(rnd, n),
                        b'http:/m/%d/' % n, b'ftp://x/m/%d/' % n, b'*', b'www.example.com:80', b'http://www.example.com'])
    fields = [rnd.choice([b'Host: ', b'Host:', b'host: ', b'HOST:\t']) + rnd.choice(names) for _ in range(rnd.choice([0, 1, 1, 2]))]
    return head(where, *fields, method=rnd.choice([b'GET', b'OPTIONS', b'POST']), host=False,
                version=rnd.choice([b'HTTP/1.1', b'HTTP/1.1', b'HTTP/1.0'])) + hidden(n)


def bodies_of_others(rnd, n):
    method = rnd.choice([b'GET', b'HEAD', b'OPTIONS', b'DELETE', b'PUT', b'PATCH', b'TRACE', b'CONNECT', b'get', b'GETX', b'PROPFIND'])
    if rnd.random() < .5:
        return head(target(rnd, n), b'Content-Length: %d' % (len(hidden(n)) + rnd.choice([0, 0, -3])), method=method) + hidden(n)
    return head(target(rnd, n), b'Transfer-Encoding: chunked', method=method) + chunked(hidden(n)) + hidden(n)


def names(rnd, n):
    fields = [rnd.choice(NAMES) + rnd.choice([b':', b': ', b' : ', b'', b'=', b'\t:'])
              + rnd.choice([b'3', b'v', b'', b'chunked']) for _ in range(rnd.randint(1, 4))]
    if rnd.random() < .6:
        fields.insert(rnd.randint(0, len(fields)), b'Content-Length: %d' % rnd.choice([0, 3, len(hidden(n)) + 3]))
    return head(target(rnd, n), *fields) + b'abc' + hidden(n)


def pipelines(rnd, n):
    parts = []
    for i in range(rnd.randint(1, 4)):
        body = rnd.choice([b'', hidden(n), chunked(hidden(n)), b'x' * rnd.randint(1, 3000)])
        if rnd.random() < .5:
            parts.append(head(target(rnd, n), b'Content-Length: %d' % len(body)) + body)
        else:
            parts.append(head(target(rnd, n), b'Transfer-Encoding: chunked') + chunked(*([body] if body else [])))
    parts.append(rnd.choice([b'', hidden(n), b'\r\n' + hidden(n), b'\r\n\r\n' + hidden(n), b'garbage\r\n\r\n', b'\x16\x03\x01']))
    return b''.join(parts)


def old_versions(rnd, n):
    version = rnd.choice([b'HTTP/1.0', b'HTTP/1.0', b'HTTP/0.9', b'', b'HTTP/1.2', b'HTTP/2.0', b'HTTP/1.10', b'http/1.1', b'HTTP/01.1',
                          b'HTTP/1.1 ', b'HTTP/1', b'HTTP/1.1x'])
    fields = [rnd.choice([b'Connection: keep-alive', b'Connection: Keep-Alive, close', b'Connection: close', b'Keep-Alive: 5', b'X-A: b'])]
    if rnd.random() < .5:
        fields.append(rnd.choice([b'Transfer-Encoding: chunked', b'Content-Length: 3']))
    return head(target(rnd, n), *fields, version=version, method=rnd.choice([b'GET', b'POST']),
                host=rnd.random() < .7) + rnd.choice([b'', b'abc', chunked(b'abc')]) + hidden(n)


def expectations(rnd, n):
    field = b'Expect: ' + rnd.choice([b'100-continue', b'100-Continue', b'100-continue, x', b'x', b'', b' 100-continue ',
                                      b'100-continue\r\nExpect: 100-continue'])
    body = rnd.choice([b'abc', hidden(n)])
    return head(target(rnd, n), field, b'Content-Length: %d' % rnd.choice([len(body), 0, 3]),
                version=rnd.choice([b'HTTP/1.1', b'HTTP/1.0'])) + body + hidden(n)


def request_lines(rnd, n):
    line = rnd.choice([b'POST  /m/%d/ HTTP/1.1', b'POST /m/%d/  HTTP/1.1', b'POST\t/m/%d/ HTTP/1.1', b' POST /m/%d/ HTTP/1.1',
                       b'POST /m/%d/ HTTP/1.1 ', b'\r\nPOST /m/%d/ HTTP/1.1',
                       b'\r\n\r\nPOST /m/%d/ HTTP/1.1', b'\nPOST /m/%d/ HTTP/1.1', b'POST /m/%d/ x HTTP/1.1',
                       b'POST /m/%d/\x0bHTTP/1.1', b'POST /m/%d/#f HTTP/1.1', b'POST /m/%d/%%00 HTTP/1.1',
                       b'POST /m/%d/%%0d%%0aX HTTP/1.1', b'POST /m/%d/\\x HTTP/1.1', b'POST /m/%d/../x HTTP/1.1',
                       b'POST /m/%d/%%zz HTTP/1.1', b'POST /m/%d/\xc3\xa9 HTTP/1.1',
                       b'POST /m/%d/"<>` HTTP/1.1', b'POST /m/%d/%%2e%%2e/ HTTP/1.1', b'POST //m//%d/ HTTP/1.1', b'POST m/%d/ HTTP/1.1',
                       b'POST /m/%d/?%%00 HTTP/1.1', b'POST /m/%d/;a=b HTTP/1.1',
                       b'POST /m/%d/ HTTP/1.1\x00', b'P\xd6ST /m/%d/ HTTP/1.1', b'POST: /m/%d/ HTTP/1.1', b'POST /m/%d/%%20HTTP/1.1'])
    return line % n + b'\r\nHost: %b\r\nContent-Length: 3\r\n\r\nabc' % HOST + hidden(n)


def hop_by_hop(rnd, n):
    field = rnd.choice([b'Connection: Content-Length', b'Connection: Transfer-Encoding', b'Connection: close, Host',
                        b'Connection: X-Request-Id, X-Forwarded-Proto', b'Connection: keep-alive',
                        b'Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__',
                        b'Upgrade: websocket\r\nConnection: upgrade', b'TE: trailers, chunked',
                        b'Trailer: Content-Length', b'Proxy-Connection: keep-alive', b'Keep-Alive: timeout=1', b'Connection: \x0bclose',
                        b'Connection:', b'X-Request-Id: 1', b'Max-Forwards: 0',
                        b'Content-Encoding: chunked', b'Content-Type: a\r\nContent-Type: b', b'Authorization: a\r\nAuthorization: b'])
    framing = rnd.choice([(b'Content-Length: 3', b'abc'), (b'Transfer-Encoding: chunked', chunked(b'abc')),
                          (b'Content-Length: %d' % len(hidden(n)), hidden(n))])
    return head(target(rnd, n), field, framing[0], method=rnd.choice([b'POST', b'GET'])) + framing[1] + hidden(n)


def flipped_bytes(rnd, n):
    data = bytearray(rnd.choice([head(target(rnd, n), b'Content-Length: 3') + b'abc',
                                 head(target(rnd, n), b'Transfer-Encoding: chunked', b'X-A: b') + chunked(b'abc', b'defg')]) + hidden(n))
    for _ in range(rnd.randint(1, 4)):
        at = rnd.randrange(len(data))
        kind = rnd.random()
        if kind < .5:
            data[at] = rnd.choice(b'\r\n\t \x00:;,0123456789abcdefx\x0b\x7f\x80\xff')
        elif kind < .75:
            del data[at]
        else:
            data.insert(at, rnd.choice(b'\r\n\t \x00:0;'))
    return bytes(data)


CLASSES = [length_and_coding, lengths, codings, chunk_sizes, line_ends, folds, hosts, bodies_of_others, names, pipelines, old_versions,
           expectations, request_lines, hop_by_hop,
           flipped_bytes]


def ambiguous(rnd, number):
    kind = CLASSES[number % len(CLASSES)]
    return kind.__name__, kind(rnd, number)
