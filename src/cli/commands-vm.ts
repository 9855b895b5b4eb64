import type { CommandDef } from './command.ts';

/** Commands that start a real kernel. */
export const vmCommands: readonly CommandDef[] = [
  {
    path: ['vm'],
    summary: 'do a command on another kernel, in a virtual machine',
    operands: '[COMMAND...]',
    count: [0, 1024],
    options: {
      kernel: {
        type: 'string',
        short: 'k',
        value: 'KERNEL',
        help: "a bzImage, or a version of Debian's: 6.12, 6.1",
      },
      config: { type: 'string', value: 'FILE', help: 'targets to do (default vmtest.toml)' },
      target: { type: 'string', short: 't', value: 'NAME', help: 'only this target of the file' },
      timeout: { type: 'string', value: 'SECONDS', help: 'end the machine after so long (124)' },
      accel: {
        type: 'string',
        value: 'HOW',
        choices: ['auto', 'kvm', 'tcg'],
        help: 'default auto: kvm where it works',
      },
      cpus: { type: 'string', value: 'N', help: 'CPUs (default 2)' },
      memory: { type: 'string', short: 'm', value: 'SIZE', help: 'memory (default 4G)' },
      kargs: { type: 'string', value: 'WORDS', help: "added to the kernel's command line" },
      rootfs: { type: 'string', short: 'r', value: 'DIR', help: 'root of the machine (default /)' },
    },
    details:
      'Boots the kernel in QEMU. The machine sees the files of the host and cannot change them: ' +
      'what is written goes to its memory. The working directory alone is shared, also as ' +
      '/mnt/vmtest, and can be written. The command runs as root, with your environment; output ' +
      'and exit code are passed on (128 + n for a signal); 124: out of time, 125: the machine ' +
      'stopped. One word is for a shell, several are a program and its arguments; none is a ' +
      'shell on the terminal, which Ctrl-] ends. Without -k the targets of vmtest.toml are done ' +
      'one after another. Needs qemu-system-x86_64 and a C compiler.',
    examples: [
      ['beeyard vm -k 6.12 -- uname -r', "Debian's newest 6.12, fetched with apt-get"],
      ['beeyard vm -k ./bzImage "make test | tail" --timeout 60', 'a kernel of your own, a shell'],
      ['beeyard vm -k 6.1', 'look around in it'],
      ['beeyard vm -t "AWS kernel"', 'a target of vmtest.toml'],
    ],
    load: () => import('./vm.ts'),
  },
];
