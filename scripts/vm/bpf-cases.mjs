/**
 * What is asked of bpf(2): steps in groups, each of which begins with nothing open. Plain data, which
 * the fixture keeps beside the answers. A step is a command with members of union bpf_attr by the
 * kernel's names, an operation on a path, or a file to open. Values: a number; `{ fd }`, `{ id }`: what
 * the step of that name gave; `{ hex }`, `{ size }`, `{ text }`: memory, `out` where it is also written;
 * `points`: addresses in it, by offset.
 */

const NO_FD = 60000;
const PAGE = 4096;
const ATTR = 152;
const LO = 1;
const TYPE = {
  hash: 1,
  array: 2,
  prog_array: 3,
  percpu_array: 6,
  lru: 9,
  maps: 12,
  queue: 22,
  ring: 27,
};
const PROG = { socket: 1, kprobe: 2, cls: 3, tracepoint: 5, xdp: 6, cgroup_skb: 8, cgroup_sock: 9 };
const MORE = { sock_ops: 13, cgroup_device: 15, raw_tp: 17, flow: 22, tracing: 26, lookup: 30 };
const LAST = { sk_msg: 16, perf: 7, syscall: 31, netfilter: 32, sk_skb: 14, sysctl: 23 };
const AT = { tcx_in: 46, tcx_out: 47, xdp: 37, ingress: 0, egress: 1, sock_ops: 3, device: 6 };
const AT2 = { flow: 17, iter: 28, raw_tp: 23, lookup: 36, netfilter: 45, perf: 41, multi: 42 };
const AT3 = { netkit: 54, sk_msg: 7, struct_ops: 44, sk_parser: 4, sysctl: 18, device: 6 };

/** r0 = value; exit */
const returns = (value) => `b7000000${le32(value)}9500000000000000`;
const le32 = (value) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes.toString('hex');
};
const zeros = (size) => '00'.repeat(size);

/** Types: 1 'int' of 4 bytes, 2 'long' of 8, 3 a struct 'pair' of both. */
const STRINGS = '\0int\0long\0pair\0a\0b\0';
function btf(version = 1, extra = '') {
  const word = (...values) => values.map(le32).join('');
  const types =
    word(1, 1 << 24, 4, (1 << 24) | 32) +
    word(5, 1 << 24, 8, (1 << 24) | 64) +
    word(10, (4 << 24) | 2, 16, 15, 2, 0, 17, 1, 64);
  const size = types.length / 2;
  const head = `9feb${version.toString(16).padStart(2, '0')}00${word(24, 0, size, size, STRINGS.length)}`;
  return head + types + Buffer.from(STRINGS).toString('hex') + extra;
}
const BTF = btf();
const BTF_SIZE = BTF.length / 2;

const steps = [];
let group = '';
let number = 0;

function ask(name, command, attr = {}, more = {}) {
  steps.push({ group, name: `${group}: ${name}`, command, attr, ...more });
}
/** A step that later ones refer to by its short name. */
const give = (name, command, attr, more) => ask(name, command, attr, { ...more, as: name });
const path = (what, ...args) =>
  steps.push({
    group,
    name: `${group}: ${what} ${args.join(' ')} (${++number})`,
    path: what,
    args,
  });

const arrayMap = { map_type: TYPE.array, key_size: 4, value_size: 8, max_entries: 4 };
const hashMap = { ...arrayMap, map_type: TYPE.hash };
const prog = (type, value = 0, more = {}) => ({
  prog_type: type,
  insn_cnt: 2,
  insns: { hex: returns(value) },
  license: { text: 'GPL' },
  ...more,
});
const name16 = (text) => Buffer.from(text.padEnd(16, '\0')).toString('hex');

function begin(name) {
  group = name;
  give('map', 'map_create', arrayMap);
  give('hash', 'map_create', hashMap);
  give('read', 'map_create', { ...arrayMap, map_flags: 8 });
  give('write', 'map_create', { ...hashMap, map_flags: 16 });
  give('btf', 'btf_load', { btf: { hex: BTF }, btf_size: BTF_SIZE });
  give('xdp', 'prog_load', prog(PROG.xdp, 2));
  give('cls', 'prog_load', prog(PROG.cls));
  give('sock', 'prog_load', prog(PROG.socket));
  give('link', 'link_create', {
    'link_create.prog_fd': { fd: 'xdp' },
    'link_create.target_ifindex': LO,
    'link_create.attach_type': AT.xdp,
  });
}

const key = { hex: zeros(4) };
const value = { hex: zeros(8) };
/** A call of every command that Linux takes, over the objects of `begin`. */
const USUAL = {
  map_create: arrayMap,
  map_lookup_elem: { map_fd: { fd: 'map' }, key, value: { size: 8 } },
  map_update_elem: { map_fd: { fd: 'map' }, key, value },
  map_delete_elem: { map_fd: { fd: 'hash' }, key },
  map_get_next_key: { map_fd: { fd: 'map' }, next_key: { size: 4 } },
  prog_load: prog(PROG.xdp),
  obj_pin: { pathname: { text: '/sys/fs/bpf/usual' }, bpf_fd: { fd: 'map' } },
  obj_get: { pathname: { text: '/sys/fs/bpf/usual' } },
  prog_attach: { target_ifindex: LO, attach_bpf_fd: { fd: 'cls' }, attach_type: AT.tcx_in },
  prog_detach: { target_ifindex: LO, attach_bpf_fd: { fd: 'cls' }, attach_type: AT.tcx_in },
  prog_test_run: {
    'test.prog_fd': { fd: 'xdp' },
    'test.data_size_in': 64,
    'test.data_in': { hex: zeros(64) },
  },
  prog_get_next_id: { start_id: 0 },
  map_get_next_id: { start_id: 0 },
  prog_get_fd_by_id: { prog_id: { id: 'next prog' } },
  map_get_fd_by_id: { map_id: { id: 'next map' } },
  obj_get_info_by_fd: {
    'info.bpf_fd': { fd: 'map' },
    'info.info_len': 88,
    'info.info': { size: 88 },
  },
  prog_query: { 'query.target_ifindex': LO, 'query.attach_type': AT.tcx_in },
  raw_tracepoint_open: { 'raw_tracepoint.prog_fd': { fd: 'xdp' } },
  btf_load: { btf: { hex: BTF }, btf_size: BTF_SIZE },
  btf_get_fd_by_id: { btf_id: 1 },
  task_fd_query: { 'task_fd_query.pid': 1, 'task_fd_query.fd': { fd: 'map' } },
  map_lookup_and_delete_elem: { map_fd: { fd: 'hash' }, key, value: { size: 8 } },
  map_freeze: { map_fd: { fd: 'map' } },
  btf_get_next_id: { start_id: 0 },
  map_lookup_batch: {
    'batch.map_fd': { fd: 'map' },
    'batch.keys': { size: 16 },
    'batch.values': { size: 32 },
    'batch.count': 4,
    'batch.out_batch': { size: 4 },
  },
  map_lookup_and_delete_batch: {
    'batch.map_fd': { fd: 'hash' },
    'batch.keys': { size: 16 },
    'batch.values': { size: 32 },
    'batch.count': 4,
    'batch.out_batch': { size: 4 },
  },
  map_update_batch: {
    'batch.map_fd': { fd: 'hash' },
    'batch.keys': { hex: zeros(4) },
    'batch.values': { hex: zeros(8) },
    'batch.count': 1,
  },
  map_delete_batch: {
    'batch.map_fd': { fd: 'hash' },
    'batch.keys': { hex: zeros(4) },
    'batch.count': 1,
  },
  link_create: {
    'link_create.prog_fd': { fd: 'cls' },
    'link_create.target_ifindex': LO,
    'link_create.attach_type': AT.tcx_out,
  },
  link_update: { 'link_update.link_fd': { fd: 'link' }, 'link_update.new_prog_fd': { fd: 'xdp' } },
  link_get_fd_by_id: { link_id: { id: 'next link' } },
  link_get_next_id: { start_id: 0 },
  enable_stats: { 'enable_stats.type': 0 },
  iter_create: { 'iter_create.link_fd': { fd: 'link' } },
  link_detach: { 'link_detach.link_fd': { fd: 'link' } },
  prog_bind_map: { 'prog_bind_map.prog_fd': { fd: 'xdp' }, 'prog_bind_map.map_fd': { fd: 'map' } },
  token_create: { 'token_create.bpffs_fd': { fd: 'fs' } },
};

/** Members that are file descriptors, and names of what they are not. */
const DESCRIPTORS = {
  map_fd: ['xdp', 'btf', 'link'],
  'batch.map_fd': ['xdp'],
  bpf_fd: ['btf'],
  attach_bpf_fd: ['map', 'xdp'],
  'test.prog_fd': ['map', 'link'],
  'info.bpf_fd': [],
  'raw_tracepoint.prog_fd': ['map'],
  'link_create.prog_fd': ['map', 'sock'],
  'link_update.link_fd': ['xdp', 'map'],
  'link_update.new_prog_fd': ['link', 'cls'],
  'link_detach.link_fd': ['map'],
  'iter_create.link_fd': ['map'],
  'prog_bind_map.prog_fd': ['map'],
  'prog_bind_map.map_fd': ['xdp'],
  'token_create.bpffs_fd': ['map'],
  'task_fd_query.fd': ['link'],
};

/** Sizes, and every byte behind the last member. `end`: where that ends, by command. */
export function allSteps(end) {
  steps.length = 0;
  number = 0;
  everyCommand(end);
  mapCreation();
  elements();
  targets();
  loads();
  btfs();
  pins();
  ids();
  infos();
  links();
  attaching();
  testRuns();
  batches();
  rest();
  return [...steps];
}

function everyCommand(end) {
  begin('every command');
  steps.push({
    group,
    name: `${group}: open bpffs`,
    path: 'open',
    args: ['/sys/fs/bpf'],
    as: 'fs',
  });
  give('next prog', 'prog_get_next_id', { start_id: 0 });
  give('next map', 'map_get_next_id', { start_id: 0 });
  give('next link', 'link_get_next_id', { start_id: 0 });
  for (const [command, attr] of Object.entries(USUAL)) {
    const sized = { ...(command === 'map_freeze' ? { map_fd: { fd: 'read' } } : attr) };
    ask(`${command} of 0 bytes`, command, {}, { size: 0 });
    ask(`${command}: a byte behind its last member`, command, sized, {
      raw: [[end[command], 1]],
      size: ATTR,
    });
    ask(`${command}: the last byte`, command, sized, { raw: [[ATTR - 1, 1]], size: ATTR });
    ask(`${command}: a byte behind union bpf_attr`, command, sized, {
      raw: [[ATTR, 1]],
      size: ATTR + 1,
    });
    ask(`${command} of more than a page`, command, sized, { size: PAGE + 1 });
    for (const [member, others] of Object.entries(DESCRIPTORS)) {
      if (!(member in attr)) continue;
      ask(`${command}: ${member} is not open`, command, { ...attr, [member]: NO_FD });
      ask(`${command}: ${member} is -1`, command, { ...attr, [member]: 0xffffffff });
      for (const other of others) {
        ask(`${command}: ${member} is ${other}`, command, { ...attr, [member]: { fd: other } });
      }
    }
  }
  ask('command 37', 37, {});
  ask('command -1', 0xffffffff, {});
  for (const [command, attr] of Object.entries(USUAL)) ask(`${command} as usual`, command, attr);
  ask('zeros behind union bpf_attr', 'map_create', arrayMap, { size: 200 });
  path('unlink', '/sys/fs/bpf/usual');
}

function mapCreation() {
  begin('map creation');
  const make = (name, changes) => ask(name, 'map_create', { ...arrayMap, ...changes });
  for (const text of ['a', 'fifteen_letters', 'with.dot', 'sp ace', 'da-sh', 'sixteen_letters_']) {
    make(`name '${text}'`, { map_name: { hex: name16(text) } });
  }
  make('a letter behind the NUL of the name', { map_name: { hex: name16('a\0b') } });
  make('a map of no type', { map_type: 0 });
  make('a type there is not', { map_type: 34 });
  make('a far type', { map_type: 0xffffffff });
  make('read-only and write-only', { map_flags: 8 | 16 });
  make('read-only and write-only for programs', { map_flags: 128 | 256 });
  make('an unknown flag', { map_flags: 1 << 20 });
  make('BPF_F_TOKEN_FD without a token', { map_flags: 1 << 16 });
  make('BPF_F_TOKEN_FD, a map', { map_flags: 1 << 16, map_token_fd: { fd: 'map' } });
  make('a device', { map_ifindex: 1 });
  make('map_extra', { map_extra: 1 });
  make('numa_node without its flag', { numa_node: 7 });
  make('a node there is not', { map_flags: 4, numa_node: 7 });
  make('a node that is there', { map_flags: 4, numa_node: 0 });
  make('types', { btf_fd: { fd: 'btf' }, btf_key_type_id: 1, btf_value_type_id: 2 });
  make('a type for keys only', { btf_fd: { fd: 'btf' }, btf_key_type_id: 1 });
  make('a type for values only', { btf_fd: { fd: 'btf' }, btf_value_type_id: 2 });
  make('a key of another size', {
    btf_fd: { fd: 'btf' },
    btf_key_type_id: 2,
    btf_value_type_id: 2,
  });
  make('a value of another size', {
    btf_fd: { fd: 'btf' },
    btf_key_type_id: 1,
    btf_value_type_id: 1,
  });
  make('types there are not', { btf_fd: { fd: 'btf' }, btf_key_type_id: 9, btf_value_type_id: 2 });
  make('a value type there is not', {
    btf_fd: { fd: 'btf' },
    btf_key_type_id: 1,
    btf_value_type_id: 99,
  });
  make('types of no BTF', { btf_fd: NO_FD, btf_key_type_id: 1, btf_value_type_id: 2 });
  make('types of a map', { btf_fd: { fd: 'map' }, btf_key_type_id: 1, btf_value_type_id: 2 });
  make('btf_fd without types', { btf_fd: NO_FD });
  make('a type of the kernel for an array', { btf_vmlinux_value_type_id: 1 });
  make('types and one of the kernel', { btf_vmlinux_value_type_id: 1, btf_value_type_id: 2 });
  make('a queue with types', {
    map_type: TYPE.queue,
    key_size: 0,
    btf_fd: { fd: 'btf' },
    btf_value_type_id: 2,
  });
  make('a hash with types', {
    map_type: TYPE.hash,
    btf_fd: { fd: 'btf' },
    btf_key_type_id: 1,
    btf_value_type_id: 2,
  });
  make('an array of programs with types', {
    map_type: TYPE.prog_array,
    value_size: 4,
    btf_fd: { fd: 'btf' },
    btf_key_type_id: 1,
    btf_value_type_id: 1,
  });
  const maps = { map_type: TYPE.maps, value_size: 4 };
  make('maps of a map', { ...maps, inner_map_fd: { fd: 'map' } });
  make('maps of nothing', { ...maps });
  make('maps of a file that is not open', { ...maps, inner_map_fd: NO_FD });
  make('maps of a program', { ...maps, inner_map_fd: { fd: 'xdp' } });
  give('outer', 'map_create', { ...arrayMap, ...maps, inner_map_fd: { fd: 'map' } });
  make('maps of maps of maps', { ...maps, inner_map_fd: { fd: 'outer' } });
  make('maps with values of 8 bytes, of no map', { ...maps, value_size: 8, inner_map_fd: NO_FD });
}

function elements() {
  begin('elements');
  const map = { map_fd: { fd: 'map' } };
  const hash = { map_fd: { fd: 'hash' } };
  const lookup = (name, attr, more = {}) =>
    ask(
      `lookup: ${name}`,
      'map_lookup_elem',
      { ...map, key, value: { size: 8 }, ...attr },
      { same: true, ...more },
    );
  const update = (name, attr) =>
    ask(`update: ${name}`, 'map_update_elem', { ...map, key, value, ...attr });
  update('a value', { value: { hex: '0102030405060708' } });
  lookup('it', {});
  lookup('no key', { key: 0 });
  lookup('no value', { value: 0 });
  lookup('a key nobody has', { key: 1 });
  lookup('a value nobody has', { value: 1 });
  lookup('behind the end', { key: { hex: le32(4) } });
  lookup('flags', { flags: 1 });
  lookup('BPF_F_LOCK', { flags: 4 });
  lookup('flags of 64 bits', { flags: 2 ** 40 });
  lookup('of a write-only one', { map_fd: { fd: 'write' } });
  lookup('in an empty hash', hash);
  update('of a read-only one', { map_fd: { fd: 'read' } });
  update('no key', { key: 0 });
  update('no value', { value: 0 });
  update('BPF_NOEXIST in an array', { flags: 1 });
  update('BPF_EXIST in an array', { flags: 2 });
  update('flags 3', { flags: 3 });
  update('BPF_F_LOCK without a lock', { flags: 4 });
  update('flags 8', { flags: 8 });
  update('BPF_EXIST in an empty hash', { ...hash, flags: 2 });
  update('BPF_NOEXIST in an empty hash', { ...hash, flags: 1 });
  update('BPF_NOEXIST again', { ...hash, flags: 1 });
  update('behind the end', { key: { hex: le32(9) } });
  for (let i = 1; i < 6; i++)
    update(`key ${i} of a hash for four`, { ...hash, key: { hex: le32(i) } });
  const remove = (name, attr) =>
    ask(`delete: ${name}`, 'map_delete_elem', { ...hash, key, ...attr });
  remove('from an array', map);
  remove('from a hash', {});
  remove('again', {});
  remove('no key', { key: 0 });
  remove('of a read-only one', { map_fd: { fd: 'read' } });
  const next = (name, attr) =>
    ask(
      `next key: ${name}`,
      'map_get_next_key',
      { ...map, next_key: { size: 4 }, ...attr },
      { same: true },
    );
  next('the first', {});
  next('the second', { key });
  next('behind the last', { key: { hex: le32(3) } });
  next('of a key there is not', { key: { hex: le32(77) } });
  next('nowhere to put it', { next_key: 0 });
  next('of a write-only one', { map_fd: { fd: 'write' } });
  const take = (name, attr) =>
    ask(`take: ${name}`, 'map_lookup_and_delete_elem', {
      ...hash,
      key,
      value: { size: 8 },
      ...attr,
    });
  take('from an array', map);
  take('what is not there', {});
  take('what is there', { key: { hex: le32(1) } });
  take('flags', { flags: 1 });
  take('of a read-only one', { map_fd: { fd: 'read' } });
  take('of a write-only one', { map_fd: { fd: 'write' } });
  give('queue', 'map_create', { ...arrayMap, map_type: TYPE.queue, key_size: 0 });
  const queue = { map_fd: { fd: 'queue' } };
  take('from an empty queue', { ...queue, key: 0 });
  take('from a queue, with a key', queue);
  take('from a queue, BPF_F_LOCK', { ...queue, key: 0, flags: 4 });
  update('a queue, with a key', queue);
  update('a queue', { ...queue, key: 0 });
  lookup('a queue', { ...queue, key: 0 });
  ask('freeze a read-only one', 'map_freeze', { map_fd: { fd: 'read' } });
  ask('freeze', 'map_freeze', map);
  ask('freeze again', 'map_freeze', map);
  update('a frozen one', {});
  lookup('a frozen one', {});
  give('progs', 'map_create', { ...arrayMap, map_type: TYPE.prog_array, value_size: 4 });
  const slot = (name, fd, more = {}) =>
    update(`a slot: ${name}`, {
      map_fd: { fd: 'progs' },
      value: { hex: zeros(4), fds: { 0: fd } },
      ...more,
    });
  slot('a program', 'xdp');
  slot('a program of another type', 'cls');
  slot('a map', 'map');
  update('a slot: nothing', { map_fd: { fd: 'progs' }, value: { hex: le32(NO_FD) } });
  slot('with flags', 'xdp', { flags: 1 });
  slot('behind the end', 'xdp', { key: { hex: le32(4) } });
  give('outer', 'map_create', {
    ...arrayMap,
    map_type: TYPE.maps,
    value_size: 4,
    inner_map_fd: { fd: 'map' },
  });
  const inner = (name, fd) =>
    update(`an inner map: ${name}`, {
      map_fd: { fd: 'outer' },
      value: { hex: zeros(4), fds: { 0: fd } },
    });
  inner('like the template', 'map');
  inner('of another type', 'hash');
  inner('a program', 'xdp');
  lookup(
    'an inner map of 8 bytes',
    { map_fd: { fd: 'outer' }, value: { size: 4 } },
    { hide: [[0, 4]] },
  );
}

/** struct bpf_devmap_val and bpf_cpumap_val: a device or a size, and a program. */
function targets() {
  begin('programs of redirect maps');
  const xdpFor = (attach, more = {}) =>
    prog(PROG.xdp, 2, { expected_attach_type: attach, ...more });
  give('leaving', 'prog_load', xdpFor(AT4.devmap));
  give('arriving', 'prog_load', xdpFor(AT4.cpumap));
  give('fragmented', 'prog_load', xdpFor(AT4.devmap, { prog_flags: 32 }));
  const value = { ...arrayMap, value_size: 8 };
  const kinds = {
    devmap: [14, LO, 'leaving'],
    devmap_hash: [25, LO, 'leaving'],
    cpumap: [16, 192, 'arriving'],
  };
  for (const [word, [type, first, own]] of Object.entries(kinds)) {
    give(word, 'map_create', { ...value, map_type: type });
    const other = own === 'leaving' ? 'arriving' : 'leaving';
    const put = (name, fd, more = {}, head = first) =>
      ask(`${word}: ${name}`, 'map_update_elem', {
        map_fd: { fd: word },
        key: { hex: le32(0) },
        value:
          typeof fd === 'string'
            ? { hex: le32(head) + zeros(4), fds: { 4: fd } }
            : { hex: le32(head) + le32(fd) },
        ...more,
      });
    const see = (name) =>
      ask(`${word}: ${name}`, 'map_lookup_elem', {
        map_fd: { fd: word },
        key: { hex: le32(0) },
        value: { size: 8, out: true },
      });
    put('nothing at first, with a bad file', NO_FD);
    see('nothing came of it');
    put('descriptor 0', 0);
    see('has no program');
    put('a negative descriptor', -1);
    see('has none either');
    put('a file that is no program', 'map');
    put('a program of another type', 'cls');
    put('an XDP program for devices', 'xdp');
    put('a program for the other kind', other);
    put('its own', own);
    ask(
      `${word}: its id`,
      'map_lookup_elem',
      {
        map_fd: { fd: word },
        key: { hex: le32(0) },
        value: { size: 8, out: true },
      },
      { hide: [[4, 4]] },
    );
    if (own === 'leaving') put('one that takes fragments, beside one that does not', 'fragmented');
    put('its own again, where nothing may be', own, { flags: 1 });
    put('its own, flags 2', own, { flags: 2 });
    put('its own, flags 4', own, { flags: 4 });
    put('its own, behind the end', own, { key: { hex: le32(9) } });
    put('a bad file behind the end', NO_FD, { key: { hex: le32(9) } });
    put('a bad file, flags 1', NO_FD, { flags: 1 });
    put('the first word 0, its own', own, {}, 0);
    put('the first word 0, a bad file', NO_FD, {}, 0);
    put('the first word 0', 0, {}, 0);
    put('a first word nothing has', own, {}, 70000);
    put('a first word nothing has, a bad file', NO_FD, {}, 70000);
    see('in the end');
  }
}

const AT4 = { devmap: 33, cpumap: 35 };

function loads() {
  begin('programs');
  const load = (name, changes, more) =>
    ask(name, 'prog_load', { ...prog(PROG.xdp), ...changes }, more);
  for (const type of [0, 33, 1000]) load(`type ${type}`, { prog_type: type });
  for (const [word, type] of Object.entries({ ...PROG, ...MORE, ...LAST }))
    load(`type ${word}`, { prog_type: type });
  load('no instruction', { insn_cnt: 0 });
  load('more than a million', { insn_cnt: 1000001 });
  load('no memory for them', { insns: 0 });
  load('memory nobody has', { insns: 1 });
  load('no license', { license: 0 });
  load('another license', { license: { text: 'MIT' } });
  load('an unknown flag', { prog_flags: 1 << 20 });
  load('BPF_F_TOKEN_FD without a token', { prog_flags: 1 << 16 });
  load('BPF_F_SLEEPABLE', { prog_flags: 16 });
  load('BPF_F_XDP_HAS_FRAGS', { prog_flags: 32 });
  load('BPF_F_XDP_DEV_BOUND_ONLY', { prog_flags: 64 });
  load('every flag of tests', { prog_flags: 1 | 2 | 4 | 8 | 128 });
  load('a name with a blank', { prog_name: { hex: name16('a b') } });
  load('a name of 16', { prog_name: { hex: name16('sixteen_letters_') } });
  load('a device', { prog_ifindex: 1 });
  load('a device there is not', { prog_ifindex: 99 });
  load('an attach type', { expected_attach_type: AT.xdp });
  load('an attach type there is not', { expected_attach_type: 99 });
  load('cgroup_sock for ingress', { prog_type: PROG.cgroup_sock, expected_attach_type: 0 });
  load('cgroup_skb for sock_create', { prog_type: PROG.cgroup_skb, expected_attach_type: 2 });
  load('sk_lookup without its attach type', { prog_type: MORE.lookup });
  load('sk_lookup', {
    prog_type: MORE.lookup,
    expected_attach_type: AT2.lookup,
    insns: { hex: returns(1) },
  });
  load('syscall that does not sleep', { prog_type: LAST.syscall });
  load('syscall', { prog_type: LAST.syscall, prog_flags: 16 });
  load('a target of the kernel for XDP', { attach_btf_id: 1 });
  load('a target program for XDP', { attach_prog_fd: { fd: 'xdp' } });
  load('a target that is a map', { attach_prog_fd: { fd: 'map' } });
  load('a target that is not open', { attach_prog_fd: NO_FD });
  load('a target that is BTF of a program', { attach_prog_fd: { fd: 'btf' } });
  load('no exit', { insn_cnt: 1 });
  load('an unknown instruction', { insns: { hex: `ff00000000000000${returns(0).slice(16)}` } });
  load('a result XDP may have anyway', { insns: { hex: returns(99) } });
  load('cgroup_skb with a result of 2', { prog_type: PROG.cgroup_skb, insns: { hex: returns(2) } });
  const log = { log_level: 1, log_size: 4096, log_buf: { size: 4096 } };
  load('a log', log);
  load('a log without a level', { ...log, log_level: 0 });
  load('a log without a buffer', { ...log, log_buf: 0 });
  load('a log without a size', { ...log, log_size: 0 });
  load('a log of an unknown level', { ...log, log_level: 16 });
  load('a level alone', { log_level: 1 });
  load('a log of 8 bytes', { log_level: 1, log_size: 8, log_buf: { size: 8 } });
  load('a log of 8 bytes that stay', { log_level: 9, log_size: 8, log_buf: { size: 8 } });
  load('a log of 2^30 bytes', { ...log, log_size: 2 ** 30 });
  load('a log of a program without an exit', { ...log, insn_cnt: 1 });
  const loadMap = (source, imm, second = 0) =>
    `18${source}10000${le32(imm)}00000000${le32(second)}${returns(0)}`;
  const withMap = (name, insns, more = {}) => load(name, { insn_cnt: 4, insns, ...more });
  withMap('a map', { hex: loadMap(1, 0), fds: { 4: 'map' } });
  withMap('a map that is not open', { hex: loadMap(1, NO_FD) });
  withMap('a map that is a program', { hex: loadMap(1, 0), fds: { 4: 'xdp' } });
  withMap('standard output as a map', { hex: loadMap(1, 1) });
  withMap('a map by index without fd_array', { hex: loadMap(5, 0) });
  withMap(
    'a map by index',
    { hex: loadMap(5, 0) },
    { fd_array: { hex: zeros(4), fds: { 0: 'map' } } },
  );
  withMap('the value of an array of four', { hex: loadMap(2, 0), fds: { 4: 'map' } });
  withMap('the value of a hash', { hex: loadMap(2, 0), fds: { 4: 'hash' } });
  withMap('an unknown kind of load', { hex: loadMap(7, 0) });
  withMap('a map, with half of an address', { hex: loadMap(1, 0, 1), fds: { 4: 'map' } });
  const functions = {
    prog_btf_fd: { fd: 'btf' },
    func_info_rec_size: 8,
    func_info_cnt: 1,
    func_info: { hex: zeros(8) },
  };
  load('func_info of no type', functions);
  load('func_info of a struct', { ...functions, func_info: { hex: `00000000${le32(3)}` } });
  load('func_info with records of 4', { ...functions, func_info_rec_size: 4 });
  load('func_info with records of 6', { ...functions, func_info_rec_size: 10 });
  load('func_info with records of 256', { ...functions, func_info_rec_size: 256 });
  load('func_info nowhere', { ...functions, func_info: 0 });
  load('func_info of longer records', {
    ...functions,
    func_info_rec_size: 12,
    func_info: { hex: zeros(8) + le32(1) },
  });
  load('func_info without BTF', { ...functions, prog_btf_fd: NO_FD });
  load('func_info with a map for BTF', { ...functions, prog_btf_fd: { fd: 'map' } });
  load('BTF without func_info', { prog_btf_fd: NO_FD });
  const lines = {
    prog_btf_fd: { fd: 'btf' },
    line_info_rec_size: 16,
    line_info_cnt: 1,
    line_info: { hex: zeros(16) },
  };
  load('line_info', lines);
  load('line_info with records of 8', { ...lines, line_info_rec_size: 8 });
  load('line_info without BTF', { ...lines, prog_btf_fd: 0 });
  load('an attribute that ends before the log', {}, { size: 48 });
  load('an attribute that ends in the name', {}, { size: 50 });
  load('an attribute that ends before the license', {}, { size: 16 });
}

function btfs() {
  begin('types');
  const load = (name, changes, more) =>
    ask(name, 'btf_load', { btf: { hex: BTF }, btf_size: BTF_SIZE, ...changes }, more);
  load('as they are', {});
  load('no memory', { btf: 0 });
  load('no bytes', { btf_size: 0 });
  load('a header only', { btf_size: 24 });
  load('half a header', { btf_size: 12 });
  load('a byte less', { btf_size: BTF_SIZE - 1 });
  load('too large', { btf_size: (16 << 20) + 1 });
  load('an unknown flag', { btf_flags: 1 });
  load('BPF_F_TOKEN_FD without a token', { btf_flags: 1 << 16 });
  load('version 2', { btf: { hex: btf(2) } });
  load('another magic number', { btf: { hex: `0000${BTF.slice(4)}` } });
  load('bytes behind its end', { btf: { hex: btf(1, '00') }, btf_size: BTF_SIZE + 1 });
  const log = { btf_log_level: 1, btf_log_size: 4096, btf_log_buf: { size: 4096 } };
  load('a log', log, { loose: ['btf_log_true_size'] });
  load('a log without a level', { ...log, btf_log_level: 0 });
  load('a log without a buffer', { ...log, btf_log_buf: 0 });
  load('a log without a size', { ...log, btf_log_size: 0 });
  load('a log of an unknown level', { ...log, btf_log_level: 32 });
}

function pins() {
  begin('pins');
  const pin = (name, where, what = 'map', more = {}) =>
    ask(`pin ${name}`, 'obj_pin', { pathname: { text: where }, bpf_fd: { fd: what }, ...more });
  const get = (name, where, more = {}) =>
    ask(`get ${name}`, 'obj_get', { pathname: { text: where }, ...more });
  const fs = '/sys/fs/bpf';
  pin('a map', `${fs}/map`);
  pin('there again', `${fs}/map`);
  pin('a program', `${fs}/prog`, 'xdp');
  pin('a link', `${fs}/link`, 'link');
  pin('types', `${fs}/types`, 'btf');
  pin('nothing', `${fs}/nothing`, 'map', { bpf_fd: NO_FD });
  pin('under a dot', `${fs}/a.b`);
  pin('under a dot in front', `${fs}/.hidden`);
  pin('in no directory', `${fs}/no/map`);
  pin('in a file', `${fs}/map/below`);
  pin('outside', '/tmp/map');
  pin('at the root', '/map');
  pin('over the bpffs', fs);
  pin('over the root', '/');
  pin('nowhere', '');
  pin('with a slash behind', `${fs}/slash/`);
  pin('at ..', `${fs}/..`);
  pin('at .', `${fs}/.`);
  pin('a long name', `${fs}/${'n'.repeat(256)}`);
  pin('a name as long as there are', `${fs}/${'n'.repeat(255)}`);
  pin('a path of 4096', `${fs}/${'p/'.repeat(2100)}`);
  pin('without a path', '', 'map', { pathname: 0 });
  pin('a path nobody has', '', 'map', { pathname: 1 });
  pin('with flags', `${fs}/flags`, 'map', { file_flags: 8 });
  pin('path_fd without its flag', `${fs}/fd`, 'map', { path_fd: 5 });
  pin('path_fd for an absolute path', `${fs}/absolute`, 'map', {
    file_flags: 1 << 14,
    path_fd: NO_FD,
  });
  pin('path_fd that is not open', 'relative', 'map', { file_flags: 1 << 14, path_fd: NO_FD });
  pin('path_fd that is a map', 'relative', 'map', { file_flags: 1 << 14, path_fd: { fd: 'map' } });
  steps.push({ group, name: `${group}: open bpffs`, path: 'open', args: [fs], as: 'fs' });
  pin('below path_fd', 'relative', 'map', { file_flags: 1 << 14, path_fd: { fd: 'fs' } });
  get('a map', `${fs}/map`);
  get('what was pinned below path_fd', `${fs}/relative`);
  get('below path_fd', 'relative', { file_flags: 1 << 14, path_fd: { fd: 'fs' } });
  get('a program', `${fs}/prog`);
  get('a link', `${fs}/link`);
  get('what is not there', `${fs}/gone`);
  get('a directory', fs);
  get('the root', '/');
  get('a file of the system', '/init');
  get('below a file', `${fs}/map/below`);
  get('with a slash behind', `${fs}/map/`);
  get('a dot', `${fs}/a.b`);
  get('over ..', `${fs}/../bpf/map`);
  get('over .', `${fs}/./map`);
  get('slashes', `//sys///fs/bpf//map`);
  get('nothing', '');
  get('without a path', '', { pathname: 0 });
  get('for reading', `${fs}/map`, { file_flags: 8 });
  get('for writing', `${fs}/map`, { file_flags: 16 });
  get('for reading and writing only', `${fs}/map`, { file_flags: 24 });
  get('a program for reading', `${fs}/prog`, { file_flags: 8 });
  get('a link for reading', `${fs}/link`, { file_flags: 8 });
  get('with a flag there is not', `${fs}/map`, { file_flags: 1 });
  get('with bpf_fd', `${fs}/map`, { bpf_fd: { fd: 'map' } });
  get('with path_fd', `${fs}/map`, { path_fd: 1 });
  give('reader', 'obj_get', { pathname: { text: `${fs}/map` }, file_flags: 8 });
  ask('update through a reader', 'map_update_elem', { map_fd: { fd: 'reader' }, key, value });
  ask('lookup through a reader', 'map_lookup_elem', {
    map_fd: { fd: 'reader' },
    key,
    value: { size: 8 },
  });
  ask('freeze through a reader', 'map_freeze', { map_fd: { fd: 'reader' } });
  path('mkdir', `${fs}/dir`);
  path('mkdir', `${fs}/dir`);
  path('mkdir', `${fs}/d.ot`);
  path('mkdir', `${fs}/no/dir`);
  pin('in a directory', `${fs}/dir/map`);
  path('rmdir', `${fs}/dir`);
  path('rmdir', `${fs}/map`);
  path('rmdir', `${fs}/gone`);
  path('unlink', `${fs}/dir`);
  path('unlink', `${fs}/gone`);
  path('rename', `${fs}/map`, `${fs}/moved`);
  path('rename', `${fs}/gone`, `${fs}/moved`);
  path('rename', `${fs}/moved`, `${fs}/mo.ved`);
  path('rename', `${fs}/moved`, `${fs}/prog`);
  path('rename', `${fs}/prog`, `${fs}/dir`);
  path('rename', `${fs}/dir`, `${fs}/prog`);
  path('rename', `${fs}/dir`, `${fs}/dir/below`);
  path('rename', `${fs}/prog`, '/tmp/prog');
  get('a map from where the program was', `${fs}/prog`);
  path('symlink', `${fs}/prog`, `${fs}/symbolic`);
  get('through a symbolic link', `${fs}/symbolic`);
  path('symlink', 'loop', `${fs}/loop`);
  get('a link to itself', `${fs}/loop`);
  path('unlink', `${fs}/symbolic`);
  path('unlink', `${fs}/dir/map`);
  path('rmdir', `${fs}/dir`);
  path('unlink', `${fs}/prog`);
  path('unlink', `${fs}/prog`);
  for (const name of ['link', 'relative', 'absolute', 'loop', 'n'.repeat(255)])
    path('unlink', `${fs}/${name}`);
}

function ids() {
  begin('ids');
  for (const kind of ['prog', 'map', 'btf', 'link']) {
    const id = `${kind}_id`;
    ask(`the first ${kind}`, `${kind}_get_next_id`, { start_id: 0 }, { as: `first ${kind}` });
    ask(`a ${kind} behind all`, `${kind}_get_next_id`, { start_id: 0x7ffffffe });
    ask(`a ${kind} behind INT_MAX`, `${kind}_get_next_id`, { start_id: 0x7fffffff });
    ask(`a ${kind} behind -1`, `${kind}_get_next_id`, { start_id: 0xffffffff });
    ask(`the ${kind} by id`, `${kind}_get_fd_by_id`, { [id]: { id: `first ${kind}` } });
    ask(`${kind} 0`, `${kind}_get_fd_by_id`, { [id]: 0 });
    ask(`${kind} of an id nobody has`, `${kind}_get_fd_by_id`, { [id]: 0x7ffffff0 });
    ask(`${kind} -1`, `${kind}_get_fd_by_id`, { [id]: 0xffffffff });
  }
  const map = { map_id: { id: 'first map' } };
  ask('a map for reading', 'map_get_fd_by_id', { ...map, open_flags: 8 });
  ask('a map for reading and writing only', 'map_get_fd_by_id', { ...map, open_flags: 24 });
  ask('a map with a flag there is not', 'map_get_fd_by_id', { ...map, open_flags: 1 });
}

function infos() {
  begin('info');
  const info = (what, size, more = {}, extra = {}) =>
    ask(
      `${what} of ${size} bytes${more.text ?? ''}`,
      'obj_get_info_by_fd',
      {
        'info.bpf_fd': { fd: what },
        'info.info_len': size,
        'info.info': {
          size: Math.max(size, 8),
          hex: more.hex ?? zeros(Math.max(size, 8)),
          out: true,
          ...more.buffer,
        },
      },
      extra,
    );
  for (const size of [0, 4, 8, 24, 87, 88, 96, 200, 4096, 4097]) info('map', size);
  for (const size of [0, 4, 64, 224, 228, 232, 240]) info('xdp', size);
  for (const size of [0, 4, 16, 20, 63, 64, 80]) info('link', size);
  for (const size of [0, 12, 16, 32, 40]) info('btf', size);
  info('map', 96, { text: ', the last not zero', hex: `${zeros(95)}01` });
  info('map', 88, { text: ', not zero', hex: 'ff'.repeat(88) });
  info('xdp', 232, { text: ', the padding not zero', hex: `${zeros(231)}01` });
  info('link', 80, { text: ', the last not zero', hex: `${zeros(79)}01` });
  info('btf', 40, { text: ', the last not zero', hex: `${zeros(39)}01` });
  const at = (size, ...words) => {
    const bytes = Buffer.alloc(size);
    for (const [offset, word] of words) bytes.writeUInt32LE(word, offset);
    return bytes.toString('hex');
  };
  info('xdp', 232, { text: ', func_info of records of 4', hex: at(232, [132, 4]) });
  info('xdp', 232, { text: ', line_info of records of 4', hex: at(232, [172, 4]) });
  info('xdp', 232, { text: ', func_info without a size', hex: at(232, [144, 1]) });
  info('xdp', 232, { text: ', room for a map nowhere', hex: at(232, [52, 1]) });
  info('xdp', 232, { text: ', instructions nowhere', hex: at(232, [20, 16]) });
  info('xdp', 232, { text: ', tags nowhere', hex: at(232, [180, 1]) });
  info(
    'xdp',
    232,
    { text: ', instructions', hex: at(232, [20, 16]), buffer: { points: { 32: { size: 16 } } } },
    { same: [1] },
  );
  info('btf', 32, { text: ', room for a name nowhere', hex: at(32, [24, 4]) });
  info('btf', 32, { text: ', a name without room', buffer: { points: { 16: { size: 8 } } } });
  info(
    'btf',
    32,
    { text: ', the section', hex: at(32, [8, 500]), buffer: { points: { 0: { size: 500 } } } },
    { same: [1] },
  );
  info(
    'btf',
    32,
    { text: ', half the section', hex: at(32, [8, 40]), buffer: { points: { 0: { size: 40 } } } },
    { same: [1] },
  );
  info('btf', 32, { text: ', the section nowhere', hex: at(32, [8, 40]) });
  give('vmlinux', 'btf_get_fd_by_id', { btf_id: 1 });
  info(
    'vmlinux',
    32,
    { text: ', a short name', hex: at(32, [24, 4]), buffer: { points: { 16: { size: 4 } } } },
    { same: [1] },
  );
  info(
    'vmlinux',
    32,
    { text: ', a name', hex: at(32, [24, 8]), buffer: { points: { 16: { size: 8 } } } },
    { same: [1] },
  );
  ask('of nothing', 'obj_get_info_by_fd', {
    'info.bpf_fd': NO_FD,
    'info.info_len': 8,
    'info.info': { size: 8 },
  });
  ask('nowhere', 'obj_get_info_by_fd', { 'info.bpf_fd': { fd: 'map' }, 'info.info_len': 8 });
  ask('of standard output', 'obj_get_info_by_fd', {
    'info.bpf_fd': 1,
    'info.info_len': 8,
    'info.info': { size: 8 },
  });
  give('named', 'map_create', {
    ...hashMap,
    map_name: { hex: name16('named') },
    map_flags: 1,
    btf_fd: { fd: 'btf' },
    btf_key_type_id: 1,
    btf_value_type_id: 2,
  });
  // Without ids: type, sizes, entries, flags, name.
  ask(
    'a map of types',
    'obj_get_info_by_fd',
    { 'info.bpf_fd': { fd: 'named' }, 'info.info_len': 88, 'info.info': { size: 88 } },
    {
      same: [0],
      hide: [
        [4, 8],
        [64, 68],
      ],
    },
  );
  give('prog', 'prog_load', { ...prog(PROG.xdp, 2), prog_name: { hex: name16('pass') } });
  ask(
    'a program',
    'obj_get_info_by_fd',
    { 'info.bpf_fd': { fd: 'prog' }, 'info.info_len': 232, 'info.info': { size: 232 } },
    {
      same: [0],
      hide: [
        [4, 8],
        [16, 20],
        [40, 48],
      ],
    },
  );
  ask(
    'an XDP link',
    'obj_get_info_by_fd',
    { 'info.bpf_fd': { fd: 'link' }, 'info.info_len': 64, 'info.info': { size: 64 } },
    { same: [0], hide: [[4, 12]] },
  );
}

function links() {
  begin('links');
  const create = (name, attr, more) =>
    ask(
      name,
      'link_create',
      Object.fromEntries(
        Object.entries(attr).map(([member, one]) => [`link_create.${member}`, one]),
      ),
      more,
    );
  const xdp = { prog_fd: { fd: 'xdp' }, target_ifindex: LO, attach_type: AT.xdp };
  create('a second XDP link', xdp);
  create('XDP at a device there is not', { ...xdp, target_ifindex: 99 });
  create('XDP with an unknown flag', { ...xdp, flags: 64 });
  create('XDP in two modes', { ...xdp, flags: 6 });
  create('XDP as tcx', { ...xdp, attach_type: AT.tcx_in });
  create('XDP as attach type 99', { ...xdp, attach_type: 99 });
  const tcx = { prog_fd: { fd: 'cls' }, target_ifindex: LO, attach_type: AT.tcx_in };
  create('tcx as XDP', { ...tcx, attach_type: AT.xdp });
  create('tcx at a device there is not', { ...tcx, target_ifindex: 99 });
  create('tcx of another revision', { ...tcx, 'tcx.expected_revision': 7 });
  create('tcx', tcx, { as: 'tcx' });
  create('tcx again', tcx);
  create('tcx of revision 2', { ...tcx, attach_type: AT.tcx_out, 'tcx.expected_revision': 2 });
  create('a socket filter anywhere', { ...tcx, prog_fd: { fd: 'sock' } });
  create('struct_ops of an array', { prog_fd: { fd: 'map' }, attach_type: AT3.struct_ops });
  create('struct_ops of a program', { prog_fd: { fd: 'xdp' }, attach_type: AT3.struct_ops });
  create('struct_ops of nothing', { prog_fd: NO_FD, attach_type: AT3.struct_ops });
  create('netkit at loopback', { ...tcx, attach_type: AT3.netkit });
  create('netkit at a device there is not', {
    ...tcx,
    attach_type: AT3.netkit,
    target_ifindex: 99,
  });
  const loaded = [
    ['skb', PROG.cgroup_skb, 1, {}, AT.ingress],
    ['ops', MORE.sock_ops, 1, {}, AT.sock_ops],
    ['dev', MORE.cgroup_device, 1, {}, AT3.device],
    ['ctl', LAST.sysctl, 1, {}, AT3.sysctl],
    ['flow', MORE.flow, 0, {}, AT2.flow],
    ['lookup', MORE.lookup, 1, { expected_attach_type: AT2.lookup }, AT2.lookup],
    ['msg', LAST.sk_msg, 1, {}, AT3.sk_msg],
    ['parser', LAST.sk_skb, 1, {}, AT3.sk_parser],
    ['filter', LAST.netfilter, 1, { expected_attach_type: AT2.netfilter }, AT2.netfilter],
    ['trace', PROG.tracepoint, 0, {}, AT2.perf],
    ['probe', PROG.kprobe, 0, {}, AT2.perf],
  ];
  for (const [name, type, result, more, attach] of loaded) {
    give(name, 'prog_load', prog(type, result, more));
    const link = { prog_fd: { fd: name }, attach_type: attach };
    create(`${name} at what is not open`, { ...link, target_fd: NO_FD });
    create(`${name} at a map`, { ...link, target_fd: { fd: 'map' } });
    create(`${name} with a flag`, { ...link, target_fd: NO_FD, flags: 1 });
    create(`${name} as XDP`, { ...link, attach_type: AT.xdp });
  }
  const filter = { prog_fd: { fd: 'filter' }, attach_type: AT2.netfilter };
  create('netfilter of a family there is not', { ...filter, 'netfilter.pf': 1 });
  create('netfilter at a hook there is not', {
    ...filter,
    'netfilter.pf': 2,
    'netfilter.hooknum': 9,
  });
  create('netfilter with a flag there is not', {
    ...filter,
    'netfilter.pf': 2,
    'netfilter.flags': 2,
  });
  create('netfilter first of all', {
    ...filter,
    'netfilter.pf': 2,
    'netfilter.priority': 0x80000000,
  });
  const update = (name, attr) =>
    ask(`update: ${name}`, 'link_update', {
      'link_update.link_fd': { fd: 'link' },
      'link_update.new_prog_fd': { fd: 'xdp' },
      ...Object.fromEntries(
        Object.entries(attr).map(([member, one]) => [`link_update.${member}`, one]),
      ),
    });
  give('other', 'prog_load', prog(PROG.xdp, 1));
  update('the same program', {});
  update('another program', { new_prog_fd: { fd: 'other' } });
  update('one of another type', { new_prog_fd: { fd: 'cls' } });
  update('a flag there is not', { flags: 1 });
  update('old_prog_fd without its flag', { old_prog_fd: { fd: 'xdp' } });
  update('BPF_F_REPLACE without a program', { flags: 4 });
  update('BPF_F_REPLACE of a program that is not there', { flags: 4, old_prog_fd: { fd: 'xdp' } });
  update('BPF_F_REPLACE of the one that is there', { flags: 4, old_prog_fd: { fd: 'other' } });
  update('a link that is a map', { link_fd: { fd: 'map' } });
  const detach = (name, fd) => ask(`detach: ${name}`, 'link_detach', { 'link_detach.link_fd': fd });
  detach('a link', { fd: 'link' });
  detach('again', { fd: 'link' });
  detach('tcx', { fd: 'tcx' });
  update('a link that was detached', { new_prog_fd: { fd: 'other' } });
  ask(
    'info of a detached link',
    'obj_get_info_by_fd',
    { 'info.bpf_fd': { fd: 'link' }, 'info.info_len': 64, 'info.info': { size: 64 } },
    { same: [0], hide: [[4, 12]] },
  );
  create('XDP where a link was detached', xdp, { as: 'new' });
  ask('an iterator of an XDP link', 'iter_create', { 'iter_create.link_fd': { fd: 'new' } });
  ask('an iterator with flags', 'iter_create', {
    'iter_create.link_fd': { fd: 'new' },
    'iter_create.flags': 1,
  });
  const point = (name, attr) =>
    ask(
      `tracepoint: ${name}`,
      'raw_tracepoint_open',
      Object.fromEntries(
        Object.entries(attr).map(([member, one]) => [`raw_tracepoint.${member}`, one]),
      ),
    );
  give('raw', 'prog_load', prog(MORE.raw_tp));
  point('that is not there', { prog_fd: { fd: 'raw' }, name: { text: 'no_such_point' } });
  point('without a name', { prog_fd: { fd: 'raw' } });
  point('of XDP', { prog_fd: { fd: 'xdp' }, name: { text: 'sched_switch' } });
}

function attaching() {
  begin('attaching');
  const attach = (name, attr) =>
    ask(`attach: ${name}`, 'prog_attach', { ...USUAL.prog_attach, ...attr });
  const detach = (name, attr) =>
    ask(`detach: ${name}`, 'prog_detach', { ...USUAL.prog_detach, ...attr });
  const query = (name, attr) =>
    ask(
      `query: ${name}`,
      'prog_query',
      Object.fromEntries(
        Object.entries({ target_ifindex: LO, attach_type: AT.tcx_in, ...attr }).map(
          ([member, one]) => [`query.${member}`, one],
        ),
      ),
    );
  query('nothing there', {});
  detach('nothing there', {});
  detach('no program, nothing there', { attach_bpf_fd: 0 });
  attach('tcx', {});
  attach('tcx again', {});
  attach('tcx at a device there is not', { target_ifindex: 99 });
  attach('with a flag there is not', { attach_flags: 1 });
  attach('of another revision', { expected_revision: 9 });
  attach('XDP', { attach_bpf_fd: { fd: 'xdp' }, attach_type: AT.xdp });
  attach('a type there is not', { attach_type: 99 });
  attach('XDP as tcx', { attach_bpf_fd: { fd: 'xdp' } });
  attach('a netkit program at loopback', { attach_type: AT3.netkit });
  query('one there', {});
  query('one there, with room', { prog_cnt: 4, prog_ids: { size: 16 } });
  query('with room and no memory', { prog_cnt: 4, prog_ids: 1 });
  query('of the other direction', { attach_type: AT.tcx_out });
  query('of a device there is not', { target_ifindex: 99 });
  query('with a flag', { query_flags: 1 });
  query('with a flag there is not', { query_flags: 2 });
  query('with attach_flags', { attach_flags: 1 });
  query('of a type there is not', { attach_type: 99 });
  query('of XDP', { attach_type: AT.xdp });
  query('of a cgroup that is not open', { target_fd: NO_FD, attach_type: AT.ingress });
  query('of a cgroup that is a map', { target_fd: { fd: 'map' }, attach_type: AT.ingress });
  query('of a namespace that is not open', { target_fd: NO_FD, attach_type: AT2.lookup });
  query('of a namespace that is a map', { target_fd: { fd: 'map' }, attach_type: AT2.lookup });
  detach('of another revision', { expected_revision: 9 });
  detach('at a device there is not', { target_ifindex: 99 });
  detach('a program of another type', { attach_bpf_fd: { fd: 'xdp' } });
  detach('from the other direction', { attach_type: AT.tcx_out });
  detach('with a flag there is not', { attach_flags: 1 });
  detach('tcx', {});
  detach('tcx again', {});
  query('nothing left', {});
  give('tcx', 'link_create', USUAL.link_create);
  detach('what a link holds', { attach_type: AT.tcx_out });
  detach('without a program, what a link holds', { attach_bpf_fd: 0, attach_type: AT.tcx_out });
  give('skb', 'prog_load', prog(PROG.cgroup_skb, 1));
  const skb = { attach_bpf_fd: { fd: 'skb' }, attach_type: AT.ingress };
  attach('at a cgroup that is not open', { ...skb, target_fd: NO_FD });
  attach('at a cgroup that is a map', { ...skb, target_fd: { fd: 'map' } });
  attach('at a cgroup with a flag there is not', {
    ...skb,
    target_fd: NO_FD,
    attach_flags: 1 << 10,
  });
  detach('from a cgroup that is not open', { ...skb, target_fd: NO_FD });
  detach('from a cgroup with flags', { ...skb, target_fd: NO_FD, attach_flags: 1 });
  give('msg', 'prog_load', prog(LAST.sk_msg, 1));
  const msg = { attach_bpf_fd: { fd: 'msg' }, attach_type: AT3.sk_msg };
  attach('at a map of sockets that is not open', { ...msg, target_fd: NO_FD });
  attach('at a map of no sockets', { ...msg, target_fd: { fd: 'map' } });
  attach('at a map of sockets with BPF_F_BEFORE', { ...msg, target_fd: NO_FD, attach_flags: 8 });
  detach('a struct_ops', { attach_type: AT3.struct_ops });
}

function testRuns() {
  begin('test runs');
  const run = (name, attr, more = {}) =>
    ask(
      name,
      'prog_test_run',
      Object.fromEntries(
        Object.entries({
          prog_fd: { fd: 'xdp' },
          data_size_in: 64,
          data_in: { hex: zeros(64) },
          ...attr,
        }).map(([member, one]) => [`test.${member}`, one]),
      ),
      { loose: ['test.duration'], ...more },
    );
  const cls = { prog_fd: { fd: 'cls' } };
  run('XDP', {});
  run('XDP of 13 bytes', { data_size_in: 13 });
  run('XDP of 14 bytes', { data_size_in: 14 });
  run('XDP without a packet', { data_size_in: 0, data_in: 0 });
  run('XDP of memory nobody has', { data_in: 1 });
  run('XDP, packet out', { data_out: { size: 64 } }, { same: true });
  run('XDP, packet out, short', { data_out: { size: 20 }, data_size_out: 20 }, { same: true });
  run('XDP, packet out to a long one', { data_out: { size: 100 }, data_size_out: 100 });
  run('XDP, packet out nowhere', { data_out: 1 });
  run('XDP, a flag there is not', { flags: 1 });
  run('XDP, batch_size', { batch_size: 4 });
  run('XDP, a CPU', { cpu: 1 });
  run('XDP a thousand times', { repeat: 1000 });
  const context = (...words) => ({
    ctx_size_in: words.length * 4,
    ctx_in: { hex: words.map(le32).join('') },
  });
  run('XDP, a context', context(0, 64, 0, 0, 0, 0));
  run('XDP, a context that is short', context(0, 64));
  run('XDP, a longer context', context(0, 64, 0, 0, 0, 0, 0));
  run('XDP, a longer context that is not zero', context(0, 64, 0, 0, 0, 0, 1));
  run('XDP, data behind data_end', context(8, 4, 0, 0, 0, 0));
  run('XDP, data_end behind the packet', context(0, 65, 0, 0, 0, 0));
  run('XDP, data_meta', context(0, 64, 4, 0, 0, 0));
  run('XDP, metadata of 6 bytes', context(6, 64, 0, 0, 0, 0));
  run('XDP, metadata of 36 bytes', context(36, 64, 0, 0, 0, 0));
  run('XDP, at loopback', context(0, 64, 0, 1, 0, 0));
  run('XDP, at a device there is not', context(0, 64, 0, 99, 0, 0));
  run('XDP, a queue without a device', context(0, 64, 0, 0, 1, 0));
  run('XDP, a queue there is not', context(0, 64, 0, 1, 9, 0));
  run('XDP, out by a device', context(0, 64, 0, 0, 0, 1));
  run(
    'XDP, the context out',
    { ...context(0, 64, 0, 0, 0, 0), ctx_size_out: 24, ctx_out: { size: 24 } },
    { same: true },
  );
  run(
    'XDP, the context out, short',
    { ...context(0, 64, 0, 0, 0, 0), ctx_size_out: 8, ctx_out: { size: 8 } },
    { same: true },
  );
  run('XDP, a context without a size', { ctx_in: { hex: zeros(24) } });
  run('XDP, a size without a context', { ctx_size_in: 24 });
  run('XDP, a context out without a size', { ctx_out: { size: 24 } });
  run('XDP, a size without a context out', { ctx_size_out: 24 });
  run('tc', cls);
  run('tc of 13 bytes', { ...cls, data_size_in: 13 });
  run('tc of 14 bytes', { ...cls, data_size_in: 14 });
  run('tc of a page', { ...cls, data_size_in: 4096, data_in: { size: 4096, hex: zeros(4096) } });
  run('tc of memory nobody has', { ...cls, data_in: 1 });
  run('tc, a flag there is not', { ...cls, flags: 1 });
  run('tc, batch_size', { ...cls, batch_size: 1 });
  run('tc, a CPU', { ...cls, cpu: 1 });
  run('tc, IP without a header', {
    ...cls,
    data_size_in: 20,
    data_in: { hex: `${zeros(12)}0800${zeros(6)}` },
  });
  run('tc, IPv6 without a header', {
    ...cls,
    data_size_in: 40,
    data_in: { hex: `${zeros(12)}86dd${zeros(26)}` },
  });
  run(
    'tc, packet out, short',
    { ...cls, data_out: { size: 20 }, data_size_out: 20 },
    { same: true },
  );
  const skb = (...words) => {
    const bytes = Buffer.alloc(192);
    for (const [offset, word] of words) bytes.writeUInt32LE(word, offset);
    return { ...cls, ctx_size_in: 192, ctx_in: { hex: bytes.toString('hex') } };
  };
  run('tc, a context', skb());
  run('tc, mark and priority', skb([8, 1], [32, 2]));
  run('tc, len', skb([0, 64]));
  run('tc, protocol', skb([16, 8]));
  run('tc, data', skb([76, 8]));
  run('tc, at loopback', skb([40, 1]));
  run('tc, at a device there is not', skb([40, 99]));
  run('tc, a short wire_len', skb([160, 10]));
  run('tc, gso_segs', skb([164, 65536]));
  run('tc, a context that is too long', {
    ...cls,
    ctx_size_in: 4097,
    ctx_in: { size: 4097, hex: zeros(4097) },
  });
  run('a socket filter', { prog_fd: { fd: 'sock' } });
  give('probe', 'prog_load', prog(PROG.kprobe));
  run('a kprobe', { prog_fd: { fd: 'probe' } });
}

function batches() {
  begin('batches');
  const batch = (command, name, attr, more) =>
    ask(
      `${command}: ${name}`,
      `map_${command}_batch`,
      Object.fromEntries(
        Object.entries({ map_fd: { fd: 'hash' }, ...attr }).map(([member, one]) => [
          `batch.${member}`,
          one,
        ]),
      ),
      more,
    );
  const keys = { hex: [0, 1, 2].map(le32).join('') };
  const values = { hex: zeros(24) };
  const out = { keys: { size: 32 }, values: { size: 64 }, out_batch: { size: 4 } };
  batch('lookup', 'of an empty hash', { ...out, count: 4 });
  batch('update', 'three', { keys, values, count: 3 });
  batch('update', 'none', { keys, values, count: 0 });
  batch('update', 'no keys', { values, count: 1 });
  batch('update', 'no values', { keys, count: 1 });
  batch('update', 'more than fit', {
    keys: { hex: [3, 4, 5].map(le32).join('') },
    values,
    count: 3,
  });
  batch('update', 'flags of elements', { keys, values, count: 1, elem_flags: 1 });
  batch('update', 'BPF_F_LOCK', { keys, values, count: 1, elem_flags: 4 });
  batch('update', 'flags', { keys, values, count: 1, flags: 1 });
  batch('update', 'a read-only one', { map_fd: { fd: 'read' }, keys, values, count: 1 });
  batch('lookup', 'all', { ...out, count: 8 });
  batch('lookup', 'none', { ...out, count: 0 });
  batch('lookup', 'flags', { ...out, count: 8, flags: 1 });
  batch('lookup', 'flags of elements', { ...out, count: 8, elem_flags: 2 });
  batch('lookup', 'no keys', { ...out, keys: 0, count: 8 });
  batch('lookup', 'no values', { ...out, values: 0, count: 8 });
  batch('lookup', 'nowhere to go on', { ...out, out_batch: 0, count: 8 });
  batch('lookup', 'behind the end', { ...out, count: 8, in_batch: { hex: le32(4000) } });
  batch('lookup', 'a write-only one', { ...out, map_fd: { fd: 'write' }, count: 1 });
  batch('lookup', 'an array', { ...out, map_fd: { fd: 'map' }, count: 4 }, { same: true });
  batch('lookup', 'two of an array', { ...out, map_fd: { fd: 'map' }, count: 2 }, { same: true });
  batch('lookup', 'an array from where it ended', {
    ...out,
    map_fd: { fd: 'map' },
    count: 8,
    in_batch: { hex: le32(1) },
  });
  batch('lookup_and_delete', 'an array', { ...out, map_fd: { fd: 'map' }, count: 4 });
  batch('delete', 'an array', { map_fd: { fd: 'map' }, keys, count: 1 });
  batch('delete', 'two', { keys, count: 2 });
  batch('delete', 'again', { keys, count: 2 });
  batch('delete', 'no keys', { count: 2 });
  batch('delete', 'flags', { keys, count: 1, flags: 1 });
  batch('delete', 'flags of elements', { keys, count: 1, elem_flags: 1 });
  batch('lookup_and_delete', 'the rest', { ...out, count: 8 });
  batch('lookup_and_delete', 'nothing', { ...out, count: 8 });
  give('queue', 'map_create', { ...arrayMap, map_type: TYPE.queue, key_size: 0 });
  for (const one of ['lookup', 'lookup_and_delete', 'update', 'delete'])
    batch(one, 'a queue', { ...out, map_fd: { fd: 'queue' }, count: 1 });
}

function rest() {
  begin('statistics, tasks, tokens');
  ask('statistics there are not', 'enable_stats', { 'enable_stats.type': 1 });
  give('stats', 'enable_stats', { 'enable_stats.type': 0 });
  ask('info of statistics', 'obj_get_info_by_fd', {
    'info.bpf_fd': { fd: 'stats' },
    'info.info_len': 8,
    'info.info': { size: 8 },
  });
  ask(
    'run',
    'prog_test_run',
    { ...USUAL.prog_test_run, 'test.repeat': 5 },
    { loose: ['test.duration'] },
  );
  ask(
    'it was counted',
    'obj_get_info_by_fd',
    { 'info.bpf_fd': { fd: 'xdp' }, 'info.info_len': 216, 'info.info': { size: 216 } },
    {
      same: [0],
      hide: [
        [4, 8],
        [16, 20],
        [40, 48],
        [192, 200],
      ],
    },
  );
  const bind = (name, attr) =>
    ask(`bind: ${name}`, 'prog_bind_map', {
      'prog_bind_map.prog_fd': { fd: 'xdp' },
      'prog_bind_map.map_fd': { fd: 'map' },
      ...attr,
    });
  bind('a map', {});
  bind('again', {});
  bind('with flags', { 'prog_bind_map.flags': 1 });
  ask(
    'the program has it',
    'obj_get_info_by_fd',
    { 'info.bpf_fd': { fd: 'xdp' }, 'info.info_len': 56, 'info.info': { size: 56 } },
    {
      same: [0],
      hide: [
        [4, 8],
        [16, 20],
        [40, 48],
      ],
    },
  );
  const task = (name, attr) =>
    ask(`task: ${name}`, 'task_fd_query', {
      'task_fd_query.pid': 1,
      'task_fd_query.fd': { fd: 'map' },
      ...attr,
    });
  task('a map', {});
  task('a link', { 'task_fd_query.fd': { fd: 'link' } });
  task('nothing', { 'task_fd_query.fd': NO_FD });
  task('of a process there is not', { 'task_fd_query.pid': 30000 });
  task('with flags', { 'task_fd_query.flags': 1 });
  const token = (name, attr) => ask(`token: ${name}`, 'token_create', attr);
  steps.push({
    group,
    name: `${group}: open bpffs`,
    path: 'open',
    args: ['/sys/fs/bpf'],
    as: 'fs',
  });
  steps.push({ group, name: `${group}: open /tmp`, path: 'open', args: ['/tmp'], as: 'tmp' });
  token('of bpffs', { 'token_create.bpffs_fd': { fd: 'fs' } });
  token('of another directory', { 'token_create.bpffs_fd': { fd: 'tmp' } });
  token('of a map', { 'token_create.bpffs_fd': { fd: 'map' } });
  token('with flags', { 'token_create.bpffs_fd': { fd: 'fs' }, 'token_create.flags': 1 });
}
