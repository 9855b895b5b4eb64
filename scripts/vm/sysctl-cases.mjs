/**
 * Files below /proc/sys that tasks of a cgroup read and write: without programs, and with those that see, change
 * and refuse it. In the form of socket-cases.mjs.
 */

const RETRIES = 'net/ipv4/tcp_syn_retries';
const QUEUE = 'net/core/somaxconn';
const MEMORY = 'net/ipv4/tcp_mem';
const PORTS = 'net/ipv4/ip_forward';

const attached = { do: 'attach', program: 'p' };
const read = (name) => ({ do: 'sysctl', name });
const write = (name, value) => ({ do: 'sysctl', name, value });

let labels = 0;
/** Notes a number in the log: the register r8. */
function note() {
  const out = `noted${labels++}`;
  return `w2 = 0
*(u32 *)(r10 - 4) = w2
r2 = r10
r2 += -4
r1 = 0 ll
call bpf_map_lookup_elem
if r0 == 0 goto ${out}
r7 = *(u64 *)(r0 + 0)
r7 += 1
*(u64 *)(r0 + 0) = r7
if r7 > 60 goto ${out}
*(u32 *)(r10 - 4) = r7
r2 = r10
r2 += -4
r1 = 0 ll
call bpf_map_lookup_elem
if r0 == 0 goto ${out}
*(u64 *)(r0 + 0) = r8
${out}:
`;
}

const ROOM = 64;
const clear = `r1 = 0
${Array.from({ length: ROOM / 8 }, (_, i) => `*(u64 *)(r10 - ${80 - 8 * i}) = r1`).join('\n')}
`;
/** Calls a helper with room for text, and notes what it returned and how the text begins. */
const asks = (helper, size, flags) => `${clear}r1 = r6
r2 = r10
r2 += -80
r3 = ${size}
${flags === undefined ? '' : `r4 = ${flags}\n`}call bpf_sysctl_${helper}
r8 = r0
r8 <<= 32
r8 >>= 32
r1 = 1
r1 <<= 32
r8 |= r1
${note()}r8 = *(u64 *)(r10 - 80)
${note()}r8 = *(u64 *)(r10 - 72)
${note()}`;
/** Wants something else written. */
function sets(text) {
  const bytes = Buffer.alloc(8);
  bytes.write(text, 'latin1');
  return `w1 = ${bytes.readInt32LE(0)}
*(u32 *)(r10 - 80) = w1
w1 = ${bytes.readInt32LE(4)}
*(u32 *)(r10 - 76) = w1
r1 = r6
r2 = r10
r2 += -80
r3 = ${text.length}
call bpf_sysctl_set_new_value
r8 = r0
r8 <<= 32
r8 >>= 32
r1 = 1
r1 <<= 33
r8 |= r1
${note()}`;
}
const position = `r8 = *(u32 *)(r6 + 4)
r8 <<= 1
r1 = *(u32 *)(r6 + 0)
r8 |= r1
r1 = 1
r1 <<= 34
r8 |= r1
${note()}`;

const program = (text, verdict = 1) => ({
  type: 'cgroup_sysctl',
  attach: 'cgroup_sysctl',
  map: true,
  text: `r6 = r1\n${text}r0 = ${verdict}\nexit`,
});
const plain = (text) => ({ type: 'cgroup_sysctl', attach: 'cgroup_sysctl', text });

const one = (name, given, steps) => ({
  name: `sysctl: ${name}`,
  programs: { p: given },
  steps: [attached, ...steps, ...(given.map ? [{ do: 'log', program: 'p' }] : [])],
});
const reset = [write(RETRIES, '6'), write(QUEUE, '4096'), write(PORTS, '1')];

const WRITTEN = {
  [RETRIES]: [
    '2',
    ' 3\n',
    '0x10',
    '010',
    '08',
    '0',
    '127',
    '128',
    '-1',
    '4 5',
    '4a',
    '',
    ' ',
    'x',
    '0x',
    '7\0',
    '00000000000000000000012',
  ],
  [QUEUE]: [
    '128',
    '-1',
    '2147483647',
    '2147483648',
    '-0',
    '',
    ' ',
    '12 13',
    '5\t',
    '18446744073709551617',
  ],
  [MEMORY]: ['10 20 30', '11', '1 2 3 4', '7 -1 8', '4 x 5', '', '100\t200\n'],
  [PORTS]: ['0', '1', '2', '-5', '0'],
};

function withoutPrograms() {
  const allow = plain('r0 = 1\nexit');
  return Object.entries(WRITTEN).flatMap(([path, texts]) =>
    texts.map((text) =>
      one(`${path} is '${JSON.stringify(text).slice(1, -1)}'`, allow, [
        write(path, path === MEMORY ? '3 4 5' : '9'),
        write(path, text),
        read(path),
        ...reset,
      ]),
    ),
  );
}

function seen() {
  const sizes = [1, 4, 5, 9, 24, 25, 64];
  return [
    ...sizes.map((size) =>
      one(`${size} bytes of a name`, program(asks('get_name', size, 0)), [read(RETRIES)]),
    ),
    ...[1, 15, 16, 17].map((size) =>
      one(`${size} bytes of a name without its folders`, program(asks('get_name', size, 1)), [
        read(RETRIES),
      ]),
    ),
    ...[1, 4, 5, 6, 64].flatMap((size) => [
      one(`${size} bytes of the value`, program(asks('get_current_value', size)), [
        read(QUEUE),
        write(QUEUE, '17'),
        ...reset,
      ]),
      one(`${size} bytes of the new value`, program(asks('get_new_value', size)), [
        read(QUEUE),
        write(QUEUE, '4000'),
        write(QUEUE, ''),
        ...reset,
      ]),
    ]),
    one('where the file stands', program(position), [read(QUEUE), write(QUEUE, '18'), ...reset]),
  ];
}

function changed() {
  const moved = `w1 = 3\n*(u32 *)(r6 + 4) = w1\n`;
  return [
    one('another value', program(sets('600')), [write(QUEUE, '7'), read(QUEUE)]),
    one('another value, that the file refuses', program(sets('x')), [
      write(QUEUE, '7'),
      read(QUEUE),
    ]),
    one('another value in place of nothing', program(sets('600')), [write(QUEUE, ''), read(QUEUE)]),
    one('another value, seen afterwards', program(sets('61') + asks('get_new_value', 64)), [
      write(QUEUE, '7777'),
      read(QUEUE),
    ]),
    one('another value, and no', program(sets('601'), 0), [write(QUEUE, '7'), read(QUEUE)]),
    one('moved', program(moved), [read(QUEUE), write(QUEUE, '19')]),
    one('no', plain('r0 = 0\nexit'), [read(QUEUE), write(QUEUE, '5')]),
    one('no to writes', plain('r0 = 1\nw1 = *(u32 *)(r1 + 0)\nif r1 == 0 goto +1\nr0 = 0\nexit'), [
      read(QUEUE),
      write(QUEUE, '5'),
      read(QUEUE),
    ]),
    one('no, with an errno', plain('r1 = -13\ncall bpf_set_retval\nr0 = 0\nexit'), [
      read(QUEUE),
      write(QUEUE, '5'),
    ]),
  ];
}

/** After all: the values that were there before. */
const restored = {
  ...one('at the end', plain('r0 = 1\nexit'), [...reset, read(QUEUE), read('net/ipv4/nothing')]),
};

export const sysctlCases = () => [...withoutPrograms(), ...seen(), ...changed(), restored];
