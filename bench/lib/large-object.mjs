// An object of 64,000 instructions that asks the kernel's types a lot, compiled from a text made here.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const PROGRAMS = 32;
const READS = 307;

/** Structs of Linux 6.12 and members they have, in an order of our own. */
const STRUCTS = {
  task_struct: ['int tgid', 'int pid', 'unsigned int flags', 'unsigned int policy'],
  mm_struct: ['unsigned long start_code', 'unsigned long total_vm', 'unsigned long brk'],
  sk_buff: ['unsigned int len', 'unsigned int hash', 'unsigned int mark', 'unsigned int priority'],
  net_device: ['unsigned int mtu', 'int ifindex', 'unsigned char addr_len'],
  inode: ['unsigned long i_ino', 'unsigned int i_flags'],
  file: ['unsigned int f_flags', 'unsigned int f_mode'],
  super_block: ['unsigned long s_magic', 'unsigned int s_count'],
  sock: ['int sk_rcvbuf', 'int sk_sndbuf', 'unsigned int sk_mark'],
  request: ['unsigned int cmd_flags', 'unsigned int __data_len'],
  cgroup: ['int level', 'int max_depth'],
};

/** The C text: programs that read member after member and mix what they read. */
function sourceText() {
  const structs = Object.entries(STRUCTS).map(
    ([name, members]) => `struct ${name} { ${members.map((one) => `${one};`).join(' ')} } ACCESS;`,
  );
  const reads = Object.entries(STRUCTS).flatMap(([name, members]) =>
    members.map((member) => `READ(${name}, ${member.split(' ').at(-1)})`),
  );
  const programs = Array.from({ length: PROGRAMS }, (_, p) => {
    const body = Array.from({ length: READS }, (_, i) => reads[(p * 7 + i) % reads.length]);
    return `SEC("kprobe/f${p}") int program_${p}(void **ctx) {
  unsigned long base = (unsigned long)ctx[14], sum = ${p};
  ${body.join('\n  ')}
  return sum;
}`;
  });
  return `#define SEC(name) __attribute__((section(name), used))
#define ACCESS __attribute__((preserve_access_index))
#define READ(type, member) { \\
  asm volatile("" : "+r"(base)); \\
  sum = (sum ^ ((volatile struct type *)base)->member) * 31; \\
  sum += sum >> 7; }
${structs.join('\n')}
${programs.join('\n')}
char _license[] SEC("license") = "GPL";
`;
}

/** Bytes of the object; undefined without clang-19. */
export function largeObject(folder) {
  const source = join(folder, 'large.bpf.c');
  const out = join(folder, 'large.bpf.o');
  writeFileSync(source, sourceText());
  const flags = ['-target', 'bpf', '-mcpu=v3', '-O2', '-g'];
  const { status, stderr } = spawnSync('clang-19', [...flags, '-c', source, '-o', out]);
  if (status === null) return undefined;
  if (status !== 0) throw new Error(String(stderr).slice(0, 500));
  return new Uint8Array(readFileSync(out));
}
