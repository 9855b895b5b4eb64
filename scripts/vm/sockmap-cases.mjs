/**
 * What the kernel is asked about maps of sockets and groups that share a port, and our machine after
 * it. A case is a list of steps; sockets, programs and links have names. Its programs are those of
 * tests/machine/programs/sockmap.bpf.c, which do what `cfg` says and tell what they saw (`seen`).
 */

const DATAGRAMS = 'udp';
const cases = [];
let steps = [];
let port = 20000;

const step = (does, more = {}) => steps.push({ does, ...more });
function ask(name, build) {
  steps = [];
  port += 8;
  build(port);
  cases.push({ name, steps });
}

const open = (as, type = 'tcp', more = {}) => step('open', { as, type, ...more });
const bind = (on, at, any = false) => step('bind', { on, port: at, any });
const listen = (on, backlog = 8) => step('listen', { on, backlog });
const connect = (on, at) => step('connect', { on, port: at });
const accept = (on, as) => step('accept', { on, as });
const send = (on, text) => step('send', { on, text });
const sendTo = (on, to, text) => step('sendTo', { on, port: to, text });
const receive = (on, size = 4096, patience = 300) => step('receive', { on, size, patience });
const nothing = (on) => receive(on, 4096, 60);
const close = (on) => step('close', { on });
const shutdown = (on) => step('shutdown', { on, how: 1 });
const error = (on) => step('error', { on });
const put = (map, key, socket, flags = 0) => step('put', { map, key, socket, flags });
const remove = (map, key) => step('remove', { map, key });
const look = (map, key) => step('look', { map, key });
const next = (map, key) => step('next', { map, key });
const attach = (program, map, place, flags = 0) => step('attach', { program, map, place, flags });
const detach = (program, map, place) => step('detach', { program, map, place });
const query = (map, place) => step('query', { map, place });
const link = (as, program, map, place, flags = 0) =>
  step('link', { as, program, map, place, flags });
const update = (on, program, old) => step('update', { on, program, old });
const unlink = (on) => step('unlink', { on });
const info = (on) => step('info', { on });
const closeLink = (on) => step('closeLink', { on });
const choose = (on, program) => step('choose', { on, program });
const unchoose = (on) => step('unchoose', { on });
const filter = (on, program) => step('filter', { on, program });
const cfg = (values) => step('cfg', { values });
const seen = (...fields) => step('seen', { fields });

/** A connection: `near` connected, `far` accepted; the listener stays. */
function pair(near, far, at, family = 4) {
  open(`${near}-listener`, 'tcp', { family });
  bind(`${near}-listener`, at);
  listen(`${near}-listener`);
  open(near, 'tcp', { family });
  connect(near, at);
  accept(`${near}-listener`, far);
}
/** Datagrams of `near` go to `far` and back. */
function datagrams(near, far, at) {
  open(near, DATAGRAMS);
  bind(near, at);
  open(far, DATAGRAMS);
  bind(far, at + 1);
  connect(near, at + 1);
  connect(far, at);
}

const PLACES = ['msg_verdict', 'stream_parser', 'stream_verdict', 'skb_verdict'];
const FITS = {
  msg_verdict: 'message',
  stream_parser: 'parser',
  stream_verdict: 'stream',
  skb_verdict: 'plain',
};

// ---- Who may be in a map ------------------------------------------------------------------

for (const map of ['peers', 'by_key', 'group']) {
  for (const family of [4, 6]) {
    ask(`${map}: TCP over IPv${family} in each state`, (at) => {
      open('fresh', 'tcp', { family });
      put(map, 0, 'fresh');
      bind('fresh', at);
      put(map, 0, 'fresh');
      listen('fresh');
      put(map, 0, 'fresh');
      pair('near', 'far', at + 1, family);
      put(map, 1, 'near');
      put(map, 2, 'far');
      shutdown('near');
      put(map, 3, 'near');
      put(map, 3, 'far');
      close('far');
      put(map, 3, 'near');
    });
    ask(`${map}: UDP over IPv${family} in each state`, (at) => {
      open('one', DATAGRAMS, { family });
      put(map, 0, 'one');
      bind('one', at);
      put(map, 0, 'one');
      connect('one', at + 1);
      put(map, 1, 'one');
      open('shared', DATAGRAMS, { family, reusePort: true });
      put(map, 2, 'shared');
      bind('shared', at + 2);
      put(map, 2, 'shared');
      put(map, 3, 'shared');
    });
  }
  ask(`${map}: flags, keys, what is no socket`, (at) => {
    open('one', DATAGRAMS, { reusePort: true });
    bind('one', at);
    open('two', DATAGRAMS, { reusePort: true });
    bind('two', at + 1);
    open('none');
    put(map, 0, 'one', 2);
    put(map, 0, 'one', 3);
    put(map, 0, 'one', 1);
    put(map, 0, 'two', 1);
    put(map, 0, 'two', 2);
    put(map, 9, 'one');
    put(map, 9, 'none', 3);
    put(map, 1, 'none', 3);
    step('putNumber', { map, key: 1, number: 60000 });
    step('putNumber', { map, key: 1, number: 0xffffffff });
    step('putMap', { map, key: 1, other: 'config' });
    look(map, 0);
    look(map, 1);
    look(map, 9);
    next(map, undefined);
    next(map, 0);
    next(map, 3);
    next(map, 7);
    remove(map, 1);
    remove(map, 9);
    remove(map, 0);
    remove(map, 0);
    look(map, 0);
    next(map, undefined);
  });
  ask(`${map}: a closed socket is in no map`, (at) => {
    open('one', DATAGRAMS, { reusePort: true });
    bind('one', at);
    put(map, 0, 'one');
    put(map, 1, 'one');
    close('one');
    look(map, 0);
    look(map, 1);
    remove(map, 0);
  });
}
ask('a hash is full', (at) => {
  for (let i = 0; i < 5; i++) {
    open(`s${i}`, DATAGRAMS);
    bind(`s${i}`, at + i);
    put('by_key', i, `s${i}`);
  }
  put('by_key', 0, 's4');
  look('by_key', 0);
  remove('by_key', 1);
  put('by_key', 9, 's4');
});
ask('one socket in several maps, then closed', (at) => {
  pair('near', 'far', at);
  put('peers', 0, 'near');
  put('peers', 1, 'near');
  put('others', 0, 'near');
  put('by_key', 7, 'near');
  close('near');
  look('peers', 0);
  look('peers', 1);
  look('others', 0);
  look('by_key', 7);
  next('by_key', undefined);
});
ask('a listener in a map is closed', (at) => {
  open('l');
  bind('l', at);
  listen('l');
  put('peers', 0, 'l');
  close('l');
  look('peers', 0);
});
ask('the peer closes: the socket stays in the map', (at) => {
  pair('near', 'far', at);
  put('peers', 0, 'near');
  close('far');
  look('peers', 0);
  receive('near');
  close('near');
  look('peers', 0);
});
ask('a socket of a group is in one kind of map', (at) => {
  open('one', DATAGRAMS, { reusePort: true });
  bind('one', at);
  put('group', 0, 'one');
  put('peers', 0, 'one');
  remove('group', 0);
  put('peers', 0, 'one');
  put('group', 0, 'one');
  remove('peers', 0);
  put('group', 0, 'one');
});

// ---- Programs at a map --------------------------------------------------------------------

for (const place of PLACES) {
  ask(`attach, query, detach: ${place}`, () => {
    const program = FITS[place];
    query('peers', place);
    attach(program, 'peers', place, 1);
    attach(program, 'config', place);
    attach(program, 'group', place);
    attach(program, 'peers', place);
    attach(program, 'peers', place);
    query('peers', place);
    for (const other of PLACES) if (other !== place) query('peers', other);
    for (const other of PLACES) if (other !== place) attach(FITS[other], 'peers', other);
    detach(program, 'peers', place);
    detach(program, 'peers', place);
    query('peers', place);
  });
  ask(`links: ${place}`, () => {
    const program = FITS[place];
    link('bad', program, 'peers', place, 1);
    link('bad2', program, 'config', place);
    link('bad3', program, 'group', place);
    link('one', program, 'peers', place);
    info('one');
    link('two', program, 'peers', place);
    attach(program, 'peers', place);
    detach(program, 'peers', place);
    query('peers', place);
    update('one', program);
    update('one', program, program);
    update('one', 'choose');
    update('one', place === 'msg_verdict' ? 'parser' : 'message');
    update('one', program, 'number');
    unlink('one');
    info('one');
    update('one', program);
    query('peers', place);
    unlink('one');
    attach(program, 'peers', place);
    link('three', program, 'by_key', place);
    query('by_key', place);
    closeLink('three');
    query('by_key', place);
    link('four', program, 'peers', place);
    query('peers', place);
    detach(program, 'peers', place);
    closeLink('four');
    query('peers', place);
  });
}
ask('programs of other types, and other places', () => {
  for (const place of PLACES) {
    for (const program of ['message', 'stream', 'choose', 'number'])
      attach(program, 'others', place);
    detach('number', 'others', place);
  }
});
ask('a socket takes on programs once', (at) => {
  pair('near', 'far', at);
  attach('stream', 'peers', 'stream_verdict');
  attach('message', 'others', 'msg_verdict');
  put('peers', 0, 'near');
  put('peers', 1, 'near');
  put('others', 0, 'near');
  put('others', 1, 'near');
  look('peers', 1);
  attach('plain', 'by_key', 'skb_verdict');
  put('by_key', 1, 'near');
  put('by_key', 1, 'far');
});
ask('a parser is for streams', (at) => {
  attach('stream', 'peers', 'stream_verdict');
  attach('parser', 'peers', 'stream_parser');
  datagrams('near', 'far', at);
  put('peers', 0, 'near');
  look('peers', 0);
  pair('a', 'b', at + 2);
  put('peers', 0, 'a');
});

// ---- Data through verdicts ----------------------------------------------------------------

const VERDICTS = [
  ['stream_verdict', 'stream'],
  ['skb_verdict', 'plain'],
];
for (const [place, program] of VERDICTS) {
  ask(`${place}: pass`, (at) => {
    pair('near', 'far', at);
    attach(program, 'peers', place);
    put('peers', 0, 'far');
    cfg({ verdict: 1 });
    send('near', 'hello');
    receive('far');
    seen('runs', 'size', 'family', 'has_sock', 'visible');
    send('near', 'abc');
    send('near', 'defg');
    receive('far', 2);
    receive('far');
    nothing('far');
    seen('runs', 'total');
  });
  ask(`${place}: drop`, (at) => {
    pair('near', 'far', at);
    attach(program, 'peers', place);
    put('peers', 0, 'far');
    cfg({ verdict: 0 });
    send('near', 'hello');
    nothing('far');
    cfg({ verdict: 1 });
    send('near', 'again');
    receive('far');
    seen('runs', 'total');
  });
  ask(`${place}: redirect out of another socket`, (at) => {
    pair('a', 'b', at);
    pair('c', 'd', at + 1);
    attach(program, 'peers', place);
    put('peers', 0, 'b');
    put('others', 2, 'c');
    cfg({ verdict: 2, key: 2 });
    send('a', 'through');
    receive('d');
    nothing('b');
    send('d', 'back');
    receive('c');
    send('a', 'more');
    send('a', 'and more');
    nothing('b');
    receive('d', 5);
    receive('d', 200);
    seen('runs', 'total');
  });
  ask(`${place}: redirect to another reader`, (at) => {
    pair('a', 'b', at);
    pair('c', 'd', at + 1);
    attach(program, 'peers', place);
    put('peers', 0, 'b');
    put('others', 2, 'c');
    cfg({ verdict: 2, key: 2, flags: 1 });
    send('a', 'inside');
    receive('c');
    send('d', 'own');
    receive('c');
    nothing('d');
    send('a', 'one');
    send('a', 'two');
    receive('c', 100);
    nothing('b');
  });
  ask(`${place}: redirect where nothing is, with flags, to a listener`, (at) => {
    pair('a', 'b', at);
    attach(program, 'peers', place);
    put('peers', 0, 'b');
    cfg({ verdict: 2, key: 5 });
    send('a', 'lost');
    nothing('b');
    put('others', 5, 'a-listener');
    send('a', 'lost too');
    nothing('b');
    put('others', 6, 'a');
    cfg({ verdict: 2, key: 6, flags: 2 });
    send('a', 'flags');
    nothing('b');
    cfg({ verdict: 2, key: 6, flags: 1 });
    send('a', 'to itself');
    receive('a');
    cfg({ verdict: 3, key: 1 });
    send('a', 'no key');
    nothing('b');
    cfg({ verdict: 1 });
    send('a', 'pass');
    receive('b');
    seen('runs');
  });
  ask(`${place}: redirect by a hash, back to the own reader`, (at) => {
    pair('a', 'b', at);
    attach(program, 'peers', place);
    put('peers', 0, 'b');
    put('by_key', 77, 'b');
    cfg({ verdict: 3, key: 77, flags: 1 });
    send('a', 'mine');
    receive('b');
    cfg({ verdict: 3, key: 77 });
    send('a', 'echo');
    receive('a');
  });
  ask(`${place}: the stream ends`, (at) => {
    pair('a', 'b', at);
    attach(program, 'peers', place);
    put('peers', 0, 'b');
    cfg({ verdict: 1 });
    send('a', 'last words');
    shutdown('a');
    receive('b');
    receive('b');
    seen('runs');
    send('b', 'answer');
    receive('a');
    close('a');
    receive('b');
  });
  ask(`${place}: the end is dropped`, (at) => {
    pair('a', 'b', at);
    attach(program, 'peers', place);
    put('peers', 0, 'b');
    cfg({ verdict: 0 });
    send('a', 'lost');
    close('a');
    receive('b');
    seen('runs');
  });
  ask(`${place}: the end is redirected`, (at) => {
    pair('a', 'b', at);
    pair('c', 'd', at + 1);
    attach(program, 'peers', place);
    put('peers', 0, 'b');
    put('others', 2, 'c');
    cfg({ verdict: 2, key: 2 });
    send('a', 'text');
    receive('d');
    shutdown('a');
    nothing('d');
    seen('runs');
    error('c');
    send('c', 'direct');
    receive('d');
  });
  ask(`${place}: taken out of the map, data is the socket's own again`, (at) => {
    pair('a', 'b', at);
    attach(program, 'peers', place);
    put('peers', 0, 'b');
    cfg({ verdict: 0 });
    send('a', 'lost');
    nothing('b');
    remove('peers', 0);
    send('a', 'kept');
    receive('b');
    cfg({ verdict: 1 });
    put('peers', 0, 'b');
    send('a', 'unread');
    remove('peers', 0);
    nothing('b');
    send('a', 'then');
    receive('b');
    seen('runs');
  });
  ask(`${place}: data that came before the map`, (at) => {
    pair('a', 'b', at);
    send('a', 'early');
    attach(program, 'peers', place);
    cfg({ verdict: 1 });
    put('peers', 0, 'b');
    receive('b');
    seen('runs', 'size');
    send('a', 'late');
    receive('b');
  });
  ask(`${place}: changed on its way`, (at) => {
    pair('a', 'b', at);
    attach(program, 'peers', place);
    put('peers', 0, 'b');
    cfg({ verdict: 1, pull_end: 4, mark: 0x21 });
    send('a', 'pull');
    receive('b');
    seen('pull', 'visible', 'first');
    cfg({ verdict: 1, pull_end: 400 });
    send('a', 'too far');
    receive('b');
    seen('pull', 'visible');
  });
  ask(`${place}: UDP`, (at) => {
    datagrams('a', 'b', at);
    datagrams('c', 'd', at + 2);
    attach(program, 'peers', place);
    put('peers', 0, 'b');
    put('others', 2, 'c');
    cfg({ verdict: 1 });
    send('a', 'datagram');
    receive('b');
    seen('runs', 'size', 'family', 'has_sock');
    send('a', 'one');
    send('a', 'two');
    receive('b', 100);
    nothing('b');
    cfg({ verdict: 0 });
    send('a', 'dropped');
    nothing('b');
    cfg({ verdict: 2, key: 2 });
    send('a', 'onwards');
    receive('d');
    cfg({ verdict: 2, key: 2, flags: 1 });
    send('a', 'inwards');
    receive('c');
    send('d', 'own');
    receive('c');
    open('e', DATAGRAMS);
    bind('e', at + 5);
    put('others', 3, 'e');
    cfg({ verdict: 2, key: 3, flags: 1 });
    send('a', 'to nobody connected');
    nothing('e');
  });
  ask(`${place}: from TCP to UDP and back`, (at) => {
    pair('a', 'b', at);
    datagrams('c', 'd', at + 2);
    attach(program, 'peers', place);
    put('peers', 0, 'b');
    put('peers', 1, 'd');
    put('others', 2, 'c');
    put('others', 3, 'b');
    cfg({ verdict: 2, key: 2, flags: 1 });
    send('a', 'to a datagram reader');
    receive('c');
    cfg({ verdict: 2, key: 3 });
    send('c', 'to a stream');
    receive('a');
  });
  ask(`${place}: IPv6`, (at) => {
    pair('a', 'b', at, 6);
    attach(program, 'peers', place);
    put('peers', 0, 'b');
    cfg({ verdict: 1 });
    send('a', 'six');
    receive('b');
    seen('family', 'has_sock');
  });
}
ask('stream_verdict: room in front, a shorter tail', (at) => {
  pair('a', 'b', at);
  pair('c', 'd', at + 1);
  attach('stream', 'peers', 'stream_verdict');
  put('peers', 0, 'b');
  put('others', 2, 'c');
  cfg({ verdict: 2, key: 2, room: 3, pull_end: 4 });
  send('a', 'wide');
  receive('d');
  seen('room', 'visible');
  cfg({ verdict: 2, key: 2, room: -2, pull_end: 4 });
  send('a', 'narrow');
  receive('d');
  seen('room');
  cfg({ verdict: 2, key: 2, tail: 3, pull_end: 4 });
  send('a', 'cut here');
  receive('d');
  seen('tail');
  cfg({ verdict: 2, key: 2, room: 5000 });
  send('a', 'far');
  receive('d');
  seen('room');
});

// ---- Parsers ------------------------------------------------------------------------------

ask('parser: every piece is a message', (at) => {
  pair('a', 'b', at);
  attach('parser', 'peers', 'stream_parser');
  attach('stream', 'peers', 'stream_verdict');
  put('peers', 0, 'b');
  cfg({ verdict: 1 });
  send('a', 'hello');
  receive('b');
  seen('runs', 'parses', 'size');
  cfg({ verdict: 0 });
  send('a', 'gone');
  nothing('b');
  cfg({ verdict: 1 });
  send('a', 'there');
  receive('b');
  close('a');
  receive('b');
  seen('runs', 'parses');
});
ask('parser alone does nothing', (at) => {
  pair('a', 'b', at);
  attach('parser', 'peers', 'stream_parser');
  put('peers', 0, 'b');
  send('a', 'plain');
  receive('b');
  seen('runs', 'parses');
});
ask('parser: messages of four bytes', (at) => {
  pair('a', 'b', at);
  pair('c', 'd', at + 1);
  attach('parser', 'peers', 'stream_parser');
  attach('stream', 'peers', 'stream_verdict');
  put('peers', 0, 'b');
  put('others', 2, 'c');
  cfg({ verdict: 1, parse: 4 });
  send('a', 'abcdefgh');
  receive('b');
  seen('runs', 'parses', 'size');
  send('a', 'ij');
  nothing('b');
  send('a', 'kl');
  receive('b');
  seen('runs', 'parses', 'size');
  send('a', 'mnopqr');
  receive('b');
  cfg({ verdict: 2, key: 2, parse: 4 });
  send('a', 'stuv');
  nothing('b');
  receive('d');
  seen('runs', 'parses');
});
ask('parser: a message says how long it is', (at) => {
  pair('a', 'b', at);
  pair('c', 'd', at + 1);
  attach('framed', 'peers', 'stream_parser');
  attach('stream', 'peers', 'stream_verdict');
  put('peers', 0, 'b');
  put('others', 2, 'c');
  cfg({ verdict: 2, key: 2 });
  send('a', '\u0005abcd');
  receive('d');
  send('a', '\u0003ab\u0003cd');
  receive('d');
  send('a', '\u0006ab');
  nothing('d');
  send('a', 'cde');
  receive('d');
  seen('runs', 'parses', 'total');
});
ask('parser: an error stops it', (at) => {
  pair('a', 'b', at);
  attach('parser', 'peers', 'stream_parser');
  attach('stream', 'peers', 'stream_verdict');
  put('peers', 0, 'b');
  cfg({ verdict: 1, parse: -22 });
  send('a', 'bad');
  error('b');
  cfg({ verdict: 1 });
  send('a', 'good');
  nothing('b');
  seen('runs', 'parses');
});
ask('parser: a message that is too long', (at) => {
  pair('a', 'b', at);
  attach('parser', 'peers', 'stream_parser');
  attach('stream', 'peers', 'stream_verdict');
  put('peers', 0, 'b');
  cfg({ verdict: 1, parse: 100_000_000 });
  send('a', 'long');
  error('b');
  seen('runs', 'parses');
});

// ---- Messages ------------------------------------------------------------------------------

/** A map with a program on messages and the sockets in place: a → b, c → d. */
function messages(at) {
  pair('a', 'b', at);
  pair('c', 'd', at + 1);
  attach('message', 'peers', 'msg_verdict');
  put('peers', 0, 'a');
  put('others', 2, 'c');
  put('others', 3, 'd');
}
ask('message: pass and drop', (at) => {
  messages(at);
  cfg({ verdict: 1 });
  send('a', 'hello');
  receive('b');
  seen('runs', 'size', 'visible', 'first', 'family', 'has_sock');
  cfg({ verdict: 0 });
  send('a', 'no');
  nothing('b');
  cfg({ verdict: 1, mark: 0x21 });
  send('a', 'mark');
  receive('b');
  send('b', 'back');
  receive('a');
  seen('runs', 'total');
});
ask('message: redirect out of another socket, and to a reader', (at) => {
  messages(at);
  cfg({ verdict: 2, key: 2 });
  send('a', 'out');
  receive('d');
  nothing('b');
  cfg({ verdict: 2, key: 3, flags: 1 });
  send('a', 'in');
  receive('d');
  send('c', 'own');
  receive('d');
  cfg({ verdict: 2, key: 3 });
  send('a', 'out of d');
  receive('c');
});
ask('message: redirect where nothing is, with flags, to a listener', (at) => {
  messages(at);
  cfg({ verdict: 2, key: 7 });
  send('a', 'lost');
  cfg({ verdict: 2, key: 2, flags: 4 });
  send('a', 'flags');
  put('others', 4, 'a-listener');
  cfg({ verdict: 2, key: 4 });
  send('a', 'listener');
  cfg({ verdict: 3, key: 4 });
  send('a', 'no key');
  nothing('b');
  cfg({ verdict: 1 });
  send('a', 'fine');
  receive('b');
});
ask('message: redirect to UDP', (at) => {
  messages(at);
  datagrams('e', 'f', at + 2);
  put('others', 5, 'e');
  cfg({ verdict: 2, key: 5 });
  send('a', 'out');
  cfg({ verdict: 2, key: 5, flags: 1 });
  send('a', 'in');
  receive('e');
});
for (const verdict of [1, 2, 0]) {
  ask(`message: a word holds for some bytes (verdict ${verdict})`, (at) => {
    messages(at);
    cfg({ verdict, key: 2, apply: 4 });
    send('a', 'abcdefghij');
    receive('b', 100, 100);
    receive('d', 100, 100);
    seen('runs', 'total');
    cfg({ verdict, key: 2, apply: 100 });
    send('a', 'many');
    send('a', 'bytes');
    receive('b', 100, 100);
    receive('d', 100, 100);
    seen('runs', 'total');
  });
  ask(`message: it waits for more (verdict ${verdict})`, (at) => {
    messages(at);
    cfg({ verdict, key: 2, cork: 8 });
    send('a', 'abc');
    nothing('b');
    send('a', 'def');
    nothing('b');
    seen('runs', 'size');
    send('a', 'ghi');
    receive('b', 100, 100);
    receive('d', 100, 100);
    seen('runs', 'size');
    send('a', 'long enough');
    receive('b', 100, 100);
    receive('d', 100, 100);
    seen('runs', 'size');
  });
}
ask('message: cork and apply together', (at) => {
  messages(at);
  cfg({ verdict: 1, cork: 6, apply: 4 });
  send('a', 'abc');
  send('a', 'defgh');
  receive('b', 100);
  seen('runs', 'total');
});
ask('message: pull', (at) => {
  messages(at);
  for (const [start, end] of [
    [0, 3],
    [2, 5],
    [0, 5],
    [0, 6],
    [5, 6],
    [3, 3],
    [4, 2],
  ]) {
    cfg({ verdict: 1, pull_start: start, pull_end: end, mark: 0x21 });
    send('a', 'hello');
    receive('b');
    seen('pull', 'visible', 'first');
  }
});
ask('message: push', (at) => {
  messages(at);
  for (const [push_at, push_len] of [
    [0, 3],
    [2, 2],
    [5, 1],
    [6, 1],
    [0, 5_000_000],
  ]) {
    cfg({ verdict: 1, push_at, push_len });
    send('a', 'hello');
    receive('b');
    seen('push', 'visible', 'first');
  }
});
ask('message: pop', (at) => {
  messages(at);
  for (const [pop_at, pop_len] of [
    [0, 2],
    [1, 2],
    [3, 2],
    [0, 5],
    [4, 2],
    [5, 1],
    [2, 9],
  ]) {
    cfg({ verdict: 1, pop_at, pop_len });
    send('a', 'hello');
    receive('b', 100, 100);
    seen('pop', 'visible', 'first');
  }
});
ask('message: push and pop, dropped or sent on', (at) => {
  messages(at);
  cfg({ verdict: 0, push_at: 0, push_len: 4 });
  send('a', 'abcdef');
  cfg({ verdict: 0, pop_at: 1, pop_len: 4 });
  send('a', 'abcdef');
  cfg({ verdict: 2, key: 2, push_at: 2, push_len: 2 });
  send('a', 'abcdef');
  receive('d');
  cfg({ verdict: 2, key: 3, flags: 1, pop_at: 2, pop_len: 2 });
  send('a', 'abcdef');
  receive('d');
});
ask("message: what comes in is the socket's own", (at) => {
  messages(at);
  cfg({ verdict: 1 });
  send('b', 'one');
  receive('a');
  close('b');
  receive('a');
});
ask('message: the reader of a redirect has a verdict program of its own', (at) => {
  pair('a', 'b', at);
  pair('c', 'd', at + 1);
  attach('message', 'peers', 'msg_verdict');
  attach('stream', 'others', 'stream_verdict');
  put('peers', 0, 'a');
  put('others', 3, 'd');
  cfg({ verdict: 2, key: 3, flags: 1 });
  send('a', 'inside');
  receive('d');
  close('c');
  receive('d');
});
ask('message: IPv6', (at) => {
  pair('a', 'b', at, 6);
  attach('message', 'peers', 'msg_verdict');
  put('peers', 0, 'a');
  cfg({ verdict: 1 });
  send('a', 'six');
  receive('b');
  seen('family', 'has_sock', 'size');
});
ask('message: the other side of a redirect was taken out', (at) => {
  messages(at);
  cfg({ verdict: 2, key: 2, apply: 20 });
  send('a', 'first');
  receive('d');
  remove('others', 2);
  remove('others', 3);
  send('a', 'second');
  nothing('d');
  send('a', 'third');
  send('a', 'more than there was');
  seen('runs');
});

// ---- Groups that share a port -------------------------------------------------------------

/** Sockets r0, r1, r2 at one port; `client` sends there. */
function shared(at, type, family = 4, any = false) {
  for (let i = 0; i < 3; i++) {
    open(`r${i}`, type, { family, reusePort: true });
    bind(`r${i}`, at, any);
    if (type === 'tcp') listen(`r${i}`);
  }
  open('client', type, { family });
}
for (const family of [4, 6]) {
  ask(`group of UDP over IPv${family}: a program chooses`, (at) => {
    shared(at, DATAGRAMS, family);
    choose('r0', 'choose');
    for (let i = 0; i < 3; i++) put('group', i, `r${i}`);
    for (const key of [2, 0, 1]) {
      cfg({ verdict: 1, key });
      sendTo('client', at, `to ${key}`);
      receive(`r${key}`);
      seen('select', 'size', 'first', 'hash_set', 'inany', 'protocol', 'eth', 'migrating');
    }
    cfg({ verdict: 0, key: 1 });
    sendTo('client', at, 'nobody');
    nothing('r1');
    cfg({ verdict: 1, key: 3 });
    sendTo('client', at, 'no entry');
    seen('select');
    cfg({ verdict: 4, key: 3 });
    seen('runs');
  });
  ask(`group of TCP over IPv${family}: a program chooses`, (at) => {
    shared(at, 'tcp', family, true);
    choose('r1', 'choose');
    for (let i = 0; i < 3; i++) put('group', i, `r${i}`);
    cfg({ verdict: 1, key: 2 });
    connect('client', at);
    accept('r2', 'served');
    seen('select', 'inany', 'protocol', 'eth');
    cfg({ verdict: 0, key: 2 });
    open('second', 'tcp', { family });
    connect('second', at);
    send('client', 'hi');
    receive('served');
  });
}
ask('group: what cannot be chosen', (at) => {
  shared(at, DATAGRAMS);
  choose('r0', 'choose');
  open('alone', DATAGRAMS);
  bind('alone', at + 1);
  put('others', 0, 'alone');
  open('elsewhere', DATAGRAMS, { reusePort: true });
  bind('elsewhere', at + 2);
  put('others', 1, 'elsewhere');
  open('six', DATAGRAMS, { reusePort: true, family: 6 });
  bind('six', at + 3);
  put('others', 2, 'six');
  open('stream', 'tcp', { reusePort: true });
  bind('stream', at + 4);
  listen('stream');
  put('others', 3, 'stream');
  put('others', 4, 'r1');
  put('by_key', 8, 'r2');
  for (let key = 0; key < 6; key++) {
    cfg({ verdict: 2, key });
    sendTo('client', at, `x${key}`);
    seen('select');
  }
  cfg({ verdict: 3, key: 8 });
  sendTo('client', at, 'by hash');
  seen('select');
});
ask('group: attaching and detaching programs', (at) => {
  open('plain', DATAGRAMS);
  choose('plain', 'choose');
  unchoose('plain');
  bind('plain', at);
  choose('plain', 'choose');
  open('one', DATAGRAMS, { reusePort: true });
  unchoose('one');
  choose('one', 'message');
  choose('one', 'choose');
  bind('one', at + 1);
  choose('one', 'number');
  unchoose('one');
  unchoose('one');
  open('late', 'tcp', { reusePort: true });
  choose('late', 'migrate');
  bind('late', at + 2);
  listen('late');
  choose('late', 'choose');
  unchoose('late');
});
ask('group: a packet filter chooses', (at) => {
  shared(at, DATAGRAMS);
  choose('r2', 'number');
  for (const key of [1, 2, 0]) {
    sendTo('client', at, `${key} is it`);
    receive(`r${key}`);
  }
  close('r0');
  sendTo('client', at, '0 is another now');
  receive('r2');
  sendTo('client', at, '1 stays');
  receive('r1');
});
ask('group: a connection moves to another listener', (at) => {
  shared(at, 'tcp');
  choose('r0', 'migrate');
  for (let i = 0; i < 3; i++) put('group', i, `r${i}`);
  cfg({ verdict: 1, key: 0 });
  connect('client', at);
  cfg({ verdict: 1, key: 1 });
  close('r0');
  seen('runs', 'select', 'migrating');
  accept('r1', 'served');
  send('client', 'still here');
  receive('served');
});
ask('group: a connection that may not move', (at) => {
  shared(at, 'tcp');
  choose('r0', 'migrate');
  for (let i = 0; i < 3; i++) put('group', i, `r${i}`);
  cfg({ verdict: 1, key: 0 });
  connect('client', at);
  cfg({ verdict: 0, key: 1 });
  close('r0');
  seen('runs', 'migrating');
  nothing('client');
});
ask('group: without a migrating program the connection ends', (at) => {
  shared(at, 'tcp');
  choose('r0', 'choose');
  for (let i = 0; i < 3; i++) put('group', i, `r${i}`);
  cfg({ verdict: 1, key: 0 });
  connect('client', at);
  close('r0');
  seen('runs');
  nothing('client');
});

// ---- Filters of sockets --------------------------------------------------------------------

ask('a filter says how much a socket gets', (at) => {
  datagrams('a', 'b', at);
  filter('b', 'message');
  filter('b', 'keep');
  for (const tail of [100, 12, 8, 3, 0]) {
    cfg({ tail });
    send('a', 'datagram');
    receive('b', 100, 100);
    seen('size');
  }
  filter('b', undefined);
  filter('b', undefined);
  cfg({ tail: 0 });
  send('a', 'all');
  receive('b');
});

/** `{ name, steps }` each. */
export const socketCases = cases;
