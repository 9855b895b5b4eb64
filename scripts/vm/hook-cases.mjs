/**
 * What is asked of bpf(2) about hooks at no device: netfilter links, flow dissectors and sk_lookup in
 * network namespaces, programs that replace functions of others. Steps as in bpf-cases.mjs.
 */

const TYPE = { socket: 1, cls: 3, array: 3, xdp: 6, flow: 22, ext: 28, lookup: 30, netfilter: 32 };
const LWT = { lwt_in: 10, lwt_out: 11, lwt_xmit: 12 };
const AT = { flow: 17, lookup: 36, netfilter: 45, xdp: 37 };
const NO_FD = 60000;
const [INT_MIN, INT_MAX] = [0x80000000, 0x7fffffff];

const steps = [];
let group = '';

function begin(name) {
  group = name;
}
function ask(name, command, attr = {}, more = {}) {
  steps.push({ group, name: `${group}: ${name}`, command, attr, ...more });
}
const give = (name, command, attr, more) => ask(name, command, attr, { ...more, as: name });
const path = (what, as, arg = '') =>
  steps.push({ group, name: `${group}: ${what} ${as}`, path: what, args: [arg], as });

const le32 = (value) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes.toString('hex');
};
const words = (...values) => values.map(le32).join('');
const insn = (op, regs, off, imm) =>
  Buffer.from([op, regs, off & 255, (off >> 8) & 255]).toString('hex') + le32(imm);
const EXIT = insn(0x95, 0, 0, 0);
const returns = (value) => insn(0xb7, 0, 0, value) + EXIT;

const prog = (type, value = 0, more = {}) => ({
  prog_type: type,
  insn_cnt: 2,
  insns: { hex: returns(value) },
  license: { text: 'GPL' },
  ...more,
});
const fd = (name) => ({ fd: name });

/** Everything, in groups that begin with nothing open. */
export function hookSteps() {
  steps.length = 0;
  netfilter();
  dissectors();
  lookups();
  extensions();
  testRuns();
  return [...steps];
}

const info = (name, of, bytes = 32, hide = [[4, 12]]) =>
  ask(
    name,
    'obj_get_info_by_fd',
    { 'info.bpf_fd': fd(of), 'info.info_len': bytes, 'info.info': { size: bytes } },
    { same: [0], hide },
  );

function netfilter() {
  const load = (name) => give(name, 'prog_load', prog(TYPE.netfilter, 1, expect(AT.netfilter)));
  const link = (name, more = {}, as = name) =>
    ask(
      name,
      'link_create',
      {
        'link_create.prog_fd': fd('prog'),
        'link_create.attach_type': AT.netfilter,
        'link_create.netfilter.pf': 2,
        ...more,
      },
      { as },
    );
  const field = (name, value) => ({ [`link_create.netfilter.${name}`]: value });

  begin('netfilter, one thing wrong');
  load('prog');
  ask('no attach type', 'prog_load', prog(TYPE.netfilter, 1));
  ask('returns 2', 'prog_load', prog(TYPE.netfilter, 2, expect(AT.netfilter)));
  for (const pf of [0, 1, 2, 3, 5, 7, 10, 11, 12, 13, 255]) link(`pf ${pf}`, field('pf', pf));
  for (const hook of [0, 1, 2, 3, 4, 5, 6, 255]) {
    link(`hook ${hook}`, { ...field('hooknum', hook), ...field('priority', 10 + hook) });
    link(`ipv6 hook ${hook}`, {
      ...field('pf', 10),
      ...field('hooknum', hook),
      ...field('priority', 10 + hook),
    });
  }
  for (const flags of [1, 2, 3, 0x80000000]) {
    link(`flags ${flags}`, { ...field('flags', flags), ...field('priority', 20 + (flags & 7)) });
  }
  for (const priority of [INT_MIN, INT_MIN + 1, INT_MAX - 1, INT_MAX, -1 >>> 0]) {
    link(`priority ${priority | 0}`, field('priority', priority));
  }
  for (const priority of [-401, -400, -399]) {
    link(`defrag at ${priority}`, { ...field('priority', priority >>> 0), ...field('flags', 1) });
  }
  link('flags of the link', { 'link_create.flags': 1 });
  link('a target', { 'link_create.target_fd': NO_FD, ...field('priority', 77) });
  for (const type of [0, AT.flow, AT.xdp, 44, 46]) {
    link(`attach type ${type}`, { 'link_create.attach_type': type, ...field('priority', 50) });
  }
  const both = { ...field('pf', 0), ...field('hooknum', 9), ...field('priority', INT_MIN) };
  link('family before hook', both);
  link('hook before flags', { ...field('hooknum', 9), ...field('flags', 8) });
  link('flags before priority', { ...field('flags', 8), ...field('priority', INT_MIN) });
  link('flags of the link first', { ...both, 'link_create.flags': 1 });

  begin('netfilter, links');
  load('prog');
  load('other');
  const at = (priority, hook = 1, pf = 2, flags = 0) => ({
    ...field('priority', priority >>> 0),
    ...field('hooknum', hook),
    ...field('pf', pf),
    ...field('flags', flags),
  });
  link('first', at(7));
  link('the same priority', at(7));
  link('the same priority, another program', { ...at(7), 'link_create.prog_fd': fd('other') });
  link('the same at another hook', at(7, 2));
  link('the same of the other family', at(7, 1, 10));
  link('whole packets', at(-10, 0, 2, 1));
  link('whole packets of IPv6', at(-10, 0, 10, 1));
  link('where packets are made whole', at(-400, 0, 2));
  link('where packets are made whole on their way out', at(-400, 3, 2));
  link('where nothing is made whole', at(-400, 1, 2));
  for (const of of ['first', 'whole packets', 'whole packets of IPv6']) info(`info: ${of}`, of);
  const update = (name, more = {}) =>
    ask(`update: ${name}`, 'link_update', {
      'link_update.link_fd': fd('first'),
      'link_update.new_prog_fd': fd('other'),
      ...more,
    });
  update('plain');
  update('with its program', { 'link_update.old_prog_fd': fd('prog'), 'link_update.flags': 4 });
  update('flags', { 'link_update.flags': 1 });
  const attr = { 'link_detach.link_fd': fd('first') };
  ask('detach', 'link_detach', attr);
  ask('detach again', 'link_detach', attr);
  info('info after detach', 'first');
  link('its priority again', at(7));
  link('and again', at(7));
  const attach = { attach_bpf_fd: fd('prog'), attach_type: AT.netfilter };
  ask('attach', 'prog_attach', attach);
  ask('detach a program', 'prog_detach', attach);
  ask('query', 'prog_query', { 'query.attach_type': AT.netfilter });
  path('unshare', 'elsewhere');
  link('the same priority in another namespace', at(7));
  path('home', 'back');
}

const expect = (type) => ({ expected_attach_type: type });

/** Commands over hooks of namespaces, for flow dissectors and sk_lookup. */
function namespaceHook(at) {
  return {
    attach: (name, more = {}) =>
      ask(`attach ${name}`, 'prog_attach', { attach_bpf_fd: fd('one'), attach_type: at, ...more }),
    detach: (name, more = {}) =>
      ask(`detach ${name}`, 'prog_detach', { attach_bpf_fd: fd('one'), attach_type: at, ...more }),
    query: (name, ns, more = {}) =>
      ask(
        `query ${name}`,
        'prog_query',
        {
          'query.target_fd': fd(ns),
          'query.attach_type': at,
          'query.prog_cnt': 4,
          'query.prog_ids': { size: 16 },
          ...more,
        },
        { loose: ['query.revision'] },
      ),
    link: (name, ns, more = {}) =>
      ask(
        `link ${name}`,
        'link_create',
        {
          'link_create.prog_fd': fd('one'),
          'link_create.target_fd': fd(ns),
          'link_create.attach_type': at,
          ...more,
        },
        { as: name },
      ),
    update: (name, link, next, more = {}) =>
      ask(`update ${name}`, 'link_update', {
        'link_update.link_fd': fd(link),
        'link_update.new_prog_fd': fd(next),
        ...more,
      }),
    off: (name, link) => ask(`off ${name}`, 'link_detach', { 'link_detach.link_fd': fd(link) }),
  };
}

const NETNS = '/proc/self/ns/net';
const shown = (name, of) =>
  info(name, of, 24, [
    [4, 12],
    [16, 20],
  ]);
const gone = (name, of) => info(name, of, 24);

function dissectors() {
  const { attach, detach, query, link, update, off } = namespaceHook(AT.flow);
  const start = (name) => {
    begin(name);
    path('file', 'root', NETNS);
    for (const one of ['one', 'two']) give(one, 'prog_load', prog(TYPE.flow, 0, expect(AT.flow)));
    give('lookup', 'prog_load', prog(TYPE.lookup, 1, expect(AT.lookup)));
    give('xdp', 'prog_load', prog(TYPE.xdp, 2));
    give('map', 'map_create', { map_type: 2, key_size: 4, value_size: 4, max_entries: 1 });
  };
  start('dissector, without links');
  query('nothing', 'root');
  attach('one');
  attach('one again');
  query('one', 'root');
  query('without room', 'root', { 'query.prog_cnt': 0 });
  query('with flags', 'root', { 'query.query_flags': 1 });
  query('a map', 'map');
  query('a program', 'one');
  query('nothing open', 'root', { 'query.target_fd': NO_FD });
  attach('two in place of one', { attach_bpf_fd: fd('two') });
  query('two', 'root');
  detach('one that is gone');
  link('where a program is', 'root');
  for (const [name, more] of [
    ['a target', { target_fd: 1 }],
    ['flags', { attach_flags: 1 }],
    ['flags 2', { attach_flags: 2 }],
    ['flags 8', { attach_flags: 8 }],
    ['flags 64', { attach_flags: 64 }],
    ['another to replace', { replace_bpf_fd: fd('two') }],
    ['a relative', { relative_fd: 1 }],
    ['a revision', { expected_revision: 1 }],
    ['a program of another type', { attach_bpf_fd: fd('xdp') }],
    ['a map', { attach_bpf_fd: fd('map') }],
    ['nothing open', { attach_bpf_fd: NO_FD }],
  ]) {
    attach(name, more);
    detach(name, more);
  }
  detach('two', { attach_bpf_fd: fd('two') });
  detach('two again', { attach_bpf_fd: fd('two') });
  query('nothing again', 'root');

  start('dissector, links');
  link('first', 'root');
  link('second', 'root');
  attach('beside a link');
  detach('what a link holds');
  query('of a link', 'root');
  shown('info', 'first');
  update('to two', 'first', 'two');
  update('two expected', 'first', 'one', {
    'link_update.old_prog_fd': fd('two'),
    'link_update.flags': 4,
  });
  update('another expected', 'first', 'one', {
    'link_update.old_prog_fd': fd('two'),
    'link_update.flags': 4,
  });
  update('another type', 'first', 'xdp');
  update('the same', 'first', 'one');
  update('flags', 'first', 'two', { 'link_update.flags': 1 });
  update('an old one without flags', 'first', 'two', { 'link_update.old_prog_fd': fd('one') });
  off('first', 'first');
  gone('info after', 'first');
  update('after', 'first', 'two');
  update('after, another type', 'first', 'xdp');
  off('first again', 'first');
  attach('after the link');
  detach('after the link');
  for (const [name, ns, more] of [
    ['flags', 'root', { 'link_create.flags': 1 }],
    ['a map', 'map', {}],
    ['nothing open', 'root', { 'link_create.target_fd': NO_FD }],
    ['another attach type', 'root', { 'link_create.attach_type': AT.lookup }],
    ['another program', 'root', { 'link_create.prog_fd': fd('xdp') }],
    ['a program of lookups', 'root', { 'link_create.prog_fd': fd('lookup') }],
  ]) {
    link(name, ns, more);
  }

  start('dissector, namespaces');
  path('unshare', 'other');
  attach('in another');
  query('the other', 'other');
  query('the first', 'root');
  path('home', 'home');
  attach('in the first, too');
  link('in the first, too', 'root');
  path('unshare', 'third');
  attach('in a third');
  link('beside it', 'third');
  link('in the second', 'other');
  detach('in the third');
  link('in the third', 'third');
  path('home', 'home2');
  off('in the third', 'in the third');
  link('still not in the first', 'root');

  start('dissector, the first namespace rules');
  attach('in the first');
  path('unshare', 'other');
  attach('elsewhere');
  link('elsewhere', 'other');
  path('home', 'home');
  detach('in the first');
  link('elsewhere now', 'other');
  shown('info', 'elsewhere now');
  attach('in the first again');
  off('elsewhere', 'elsewhere now');
  attach('in the first at last');
  detach('in the first at last');
}

function lookups() {
  const { attach, detach, query, link, update, off } = namespaceHook(AT.lookup);
  begin('lookups');
  path('file', 'root', NETNS);
  for (const one of ['one', 'two']) give(one, 'prog_load', prog(TYPE.lookup, 1, expect(AT.lookup)));
  give('xdp', 'prog_load', prog(TYPE.xdp, 2));
  attach('without a link');
  attach('without a link, flags', { attach_flags: 1 });
  detach('without a link');
  detach('without a link, a target', { target_fd: 1 });
  query('nothing', 'root');
  link('first', 'root');
  link('second', 'root');
  link('third', 'root', { 'link_create.prog_fd': fd('two') });
  query('three', 'root');
  query('room for two', 'root', { 'query.prog_cnt': 2 });
  shown('info', 'second');
  detach('what a link holds');
  update('to two', 'first', 'two');
  update('another expected', 'first', 'two', {
    'link_update.old_prog_fd': fd('one'),
    'link_update.flags': 4,
  });
  update('another type', 'first', 'xdp');
  off('second', 'second');
  off('second again', 'second');
  gone('info after', 'second');
  update('after', 'second', 'two');
  query('two', 'root');
  path('unshare', 'other');
  link('elsewhere', 'other');
  query('elsewhere', 'other');
  path('home', 'home');
  for (const [name, more] of [
    ['flags', { 'link_create.flags': 1 }],
    ['nothing open', { 'link_create.target_fd': NO_FD }],
    ['another attach type', { 'link_create.attach_type': AT.flow }],
  ]) {
    link(name, 'root', more);
  }
}

/*
 * Types: 1 'int'; 2 (int); 3 (int, int); 4 'long'; 5 (long); functions 6 'main' of 2, 7 'add' of 2, both
 * global; 8 'add' of 3; 9 'add' static of 2; 10 'add' of 5; 11 'sub' of 2, global.
 */
const STRINGS = '\0int\0long\0main\0add\0sub\0x\0y\0';
function types() {
  const at = (text) => STRINGS.indexOf(`\0${text}\0`) + 1;
  const int = (name, size) => words(at(name), 1 << 24, size, (1 << 24) | (size * 8));
  const proto = (...params) =>
    words(0, (13 << 24) | params.length, 1) +
    params.map((type, i) => words(at(i === 0 ? 'x' : 'y'), type)).join('');
  const func = (name, type, linkage) => words(at(name), (12 << 24) | linkage, type);
  const all =
    int('int', 4) +
    proto(1) +
    proto(1, 1) +
    int('long', 8) +
    proto(4) +
    func('main', 2, 1) +
    func('add', 2, 1) +
    func('add', 3, 1) +
    func('add', 2, 0) +
    func('add', 5, 1) +
    func('sub', 2, 1);
  const size = all.length / 2;
  const head = `9feb0100${words(24, 0, size, size, STRINGS.length)}`;
  return head + all + Buffer.from(STRINGS).toString('hex');
}
const BTF = types();
const MAIN = 6;
const ADD = 7;
const SUB = 11;

/** r1 = 5; call add; r0 += main's own; exit; add: r0 = r1 + 1; exit; sub: r0 = 9; exit */
const TARGET =
  insn(0xb7, 1, 0, 5) +
  insn(0x85, 0x10, 0, 1) +
  EXIT +
  insn(0xbf, 0x10, 0, 0) +
  insn(0x07, 0, 0, 1) +
  EXIT;

const functions = (...pairs) => ({
  prog_btf_fd: fd('types'),
  func_info_rec_size: 8,
  func_info_cnt: pairs.length,
  func_info: { hex: pairs.map(([start, type]) => words(start, type)).join('') },
});

function extensions() {
  const start = (name) => {
    begin(name);
    give('types', 'btf_load', { btf: { hex: BTF }, btf_size: BTF.length / 2 });
    target('target');
    target('twin');
    target('xdp', TYPE.xdp);
    give('array', 'map_create', {
      map_type: TYPE.array,
      key_size: 4,
      value_size: 4,
      max_entries: 4,
    });
  };
  const target = (name, type = TYPE.socket) =>
    give(name, 'prog_load', {
      prog_type: type,
      insn_cnt: TARGET.length / 16,
      insns: { hex: TARGET },
      license: { text: 'GPL' },
      ...functions([0, MAIN], [3, ADD]),
    });
  const load = (name, value, more = {}) =>
    give(name, 'prog_load', {
      ...prog(TYPE.ext, value),
      attach_prog_fd: fd('target'),
      attach_btf_id: ADD,
      ...functions([0, ADD]),
      ...more,
    });
  const link = (name, more = {}) =>
    ask(`link ${name}`, 'link_create', { 'link_create.prog_fd': fd('ext'), ...more }, { as: name });
  const to = (program, id = ADD) => ({
    'link_create.target_fd': fd(program),
    'link_create.target_btf_id': id,
  });
  const run = (name, of = 'target') =>
    ask(
      `run ${name}`,
      'prog_test_run',
      {
        'test.prog_fd': fd(of),
        'test.data_size_in': 64,
        'test.data_in': { hex: '00'.repeat(64) },
      },
      { loose: ['test.duration'] },
    );
  const put = (name, of) =>
    ask(`put ${name}`, 'map_update_elem', {
      map_fd: fd('array'),
      key: { hex: '00000000' },
      value: { hex: '00000000', fds: { 0: of } },
    });
  const take = (name) =>
    ask(`take ${name}`, 'map_delete_elem', { map_fd: fd('array'), key: { hex: '00000000' } });

  start('extensions, loading');
  load('good', 42);
  load('no target', 42, { attach_prog_fd: 0 });
  load('no function', 42, { attach_btf_id: 0 });
  for (const id of [1, 2, 5, MAIN, 8, 9, 10, SUB, 99])
    load(`type ${id}`, 42, { attach_btf_id: id });
  load('two arguments', 42, functions([0, 8]));
  load('static', 42, functions([0, 9]));
  load('another argument', 42, functions([0, 10]));
  load('another name', 42, functions([0, SUB]));
  load('no types', 42, { func_info_cnt: 0, func_info_rec_size: 0, prog_btf_fd: 0 });
  load('an attach type', 42, { expected_attach_type: 5 });
  load('of a map', 42, { attach_prog_fd: fd('array') });
  load('of nothing open', 42, { attach_prog_fd: NO_FD });
  load('of an extension', 42, { attach_prog_fd: fd('good') });
  load('of types', 42, { attach_prog_fd: fd('types') });
  load('for xdp', 42, { attach_prog_fd: fd('xdp') });

  start('extensions, attaching');
  load('ext', 42);
  load('other', 43);
  load('third', 44);
  run('before');
  link('first');
  info('info', 'first', 32, [
    [4, 12],
    [20, 24],
  ]);
  run('with it');
  run('the twin', 'twin');
  link('again');
  link('again, to the same', to('target'));
  link('to the twin', to('twin'));
  run('the twin with it', 'twin');
  link('to the twin again', to('twin'));
  link('of xdp', to('xdp'));
  link('of a target without function', { 'link_create.target_fd': fd('twin') });
  link('of a function without target', { 'link_create.target_btf_id': ADD });
  link('of no such type', to('twin', 99));
  link('of a type that is no function', to('twin', 1));
  link('of main', to('twin', MAIN));
  run('the twin without its main', 'twin');
  link('of an array', to('array'));
  link('of nothing open', { ...to('twin'), 'link_create.target_fd': NO_FD });
  link('of another extension', to('other'));
  link('where the first is', { 'link_create.prog_fd': fd('other') });
  link('with flags', { 'link_create.prog_fd': fd('other'), 'link_create.flags': 1 });
  link('with an attach type', {
    'link_create.prog_fd': fd('other'),
    'link_create.attach_type': AT.xdp,
    ...to('twin'),
  });
  ask('update', 'link_update', {
    'link_update.link_fd': fd('first'),
    'link_update.new_prog_fd': fd('other'),
  });
  ask('detach', 'link_detach', { 'link_detach.link_fd': fd('first') });
  run('still with it');
  ask('run the extension', 'prog_test_run', {
    'test.prog_fd': fd('ext'),
    'test.data_size_in': 64,
    'test.data_in': { hex: '00'.repeat(64) },
  });

  start('extensions, opened like a tracepoint');
  load('ext', 42);
  give('raw_tracepoint_open', 'raw_tracepoint_open', { 'raw_tracepoint.prog_fd': fd('ext') });
  run('with it');
  ask('again', 'raw_tracepoint_open', { 'raw_tracepoint.prog_fd': fd('ext') });
  ask('with a name', 'raw_tracepoint_open', {
    'raw_tracepoint.prog_fd': fd('ext'),
    'raw_tracepoint.name': { text: 'add' },
  });

  start('extensions, tail calls');
  load('ext', 42);
  put('an extension', 'ext');
  put('the target', 'target');
  link('of a callee');
  take('the target');
  link('of one that was a callee');
  run('with it');
  put('what is extended', 'target');
  put('the twin', 'twin');
  link('of a twin that is a callee', to('twin'));
  take('the twin');
  link('of the twin', to('twin'));
  put('the twin that is extended', 'twin');
}

function testRuns() {
  begin('test runs of hooks');
  const lengths = [0, 13, 14, 20, 33, 34, 64];
  const ipv4 = `${'00'.repeat(12)}0800450000320000400040060000${'7f000001'.repeat(2)}1f90005000000000000000005000`;
  const packet = (size) => ipv4.padEnd(128, '0').slice(0, 2 * size);
  give('flow', 'prog_load', prog(TYPE.flow, 0, expect(AT.flow)));
  give('dropping', 'prog_load', prog(TYPE.flow, 2, expect(AT.flow)));
  give('going on', 'prog_load', prog(TYPE.flow, 129, expect(AT.flow)));
  give('nf', 'prog_load', prog(TYPE.netfilter, 1, expect(AT.netfilter)));
  give('lookup', 'prog_load', prog(TYPE.lookup, 1, expect(AT.lookup)));
  const test = (name, of, size, more = {}) =>
    ask(
      name,
      'prog_test_run',
      {
        'test.prog_fd': fd(of),
        'test.data_size_in': size,
        ...(size > 0 && { 'test.data_in': { hex: packet(size) } }),
        ...more,
      },
      { same: true },
    );
  const out = { 'test.data_out': { size: 64 }, 'test.data_size_out': 64 };
  for (const size of lengths) test(`flow of ${size}`, 'flow', size, size < 14 ? {} : out);
  test('flow that drops', 'dropping', 64, out);
  test('flow that goes on', 'going on', 64, out);
  test('flow, little room', 'flow', 64, { 'test.data_out': { size: 8 }, 'test.data_size_out': 8 });
  test('flow, flags', 'flow', 64, { 'test.flags': 1 });
  test('flow, cpu', 'flow', 64, { 'test.cpu': 1 });
  test('flow, batch', 'flow', 64, { 'test.batch_size': 1 });
  const keys = (at, byte) => '00'.repeat(at) + byte + '00'.repeat(55 - at);
  for (const [at, byte] of [
    [48, '01'],
    [48, '07'],
    [0, '01'],
    [52, '01'],
    [47, '01'],
  ]) {
    test(`flow, byte ${at} is ${byte}`, 'flow', 64, {
      ...out,
      'test.ctx_in': { hex: keys(at, byte) },
      'test.ctx_size_in': 56,
    });
  }
  test('flow, a longer context', 'flow', 64, {
    'test.ctx_in': { hex: `${keys(48, '01')}00000000` },
    'test.ctx_size_in': 60,
  });
  test('flow, a longer context that is not zero', 'flow', 64, {
    'test.ctx_in': { hex: `${keys(48, '01')}01000000` },
    'test.ctx_size_in': 60,
  });
  test('flow, a shorter context', 'flow', 64, {
    'test.ctx_in': { hex: '00'.repeat(16) },
    'test.ctx_size_in': 16,
  });
  test('flow, a context comes out', 'flow', 64, {
    'test.ctx_in': { hex: keys(48, '01') },
    'test.ctx_size_in': 56,
    'test.ctx_out': { size: 56 },
    'test.ctx_size_out': 56,
  });
  for (const size of lengths) test(`netfilter of ${size}`, 'nf', size);
  const state = (hook, pf, rest = '00'.repeat(46)) => ({
    'test.ctx_in': { hex: Buffer.from([hook, pf]).toString('hex') + rest },
    'test.ctx_size_in': 48,
  });
  for (const hook of [0, 1, 2, 3, 4, 5]) test(`netfilter hook ${hook}`, 'nf', 64, state(hook, 2));
  for (const pf of [0, 1, 3, 10]) {
    test(`netfilter pf ${pf}`, 'nf', 64, state(3, pf));
    test(`netfilter pf ${pf} at input`, 'nf', 64, state(1, pf));
  }
  test('netfilter, a pointer', 'nf', 64, state(3, 2, '00'.repeat(14) + '01' + '00'.repeat(31)));
  test('netfilter of 33 at input', 'nf', 33, state(1, 2));
  test('netfilter of 34 at input', 'nf', 34, state(1, 2));
  test('netfilter, flags', 'nf', 64, { 'test.flags': 1 });
  test('netfilter, batch', 'nf', 64, { 'test.batch_size': 1 });
  test('netfilter, data comes out', 'nf', 64, out);
  give('ext types', 'btf_load', { btf: { hex: BTF }, btf_size: BTF.length / 2 });
  for (const [name, type] of Object.entries(LWT)) {
    for (const value of [0, 2, 7, 128, 129]) {
      give(`${name} ${value}`, 'prog_load', prog(type, value));
      test(`${name} that says ${value}`, `${name} ${value}`, 64);
    }
  }
}
