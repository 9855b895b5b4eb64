import type { CommandDef } from './command.ts';

/** What the simulated kernel and a real one say of the same programs. */
export const diffCommands: readonly CommandDef[] = [
  {
    path: ['diff'],
    summary: 'the same programs and packets here and on Linux, in a virtual machine: what differs',
    operands: '[OBJ...]',
    count: [0, 1024],
    options: {
      pcap: { type: 'string', value: 'FILE', help: 'packets for XDP and tc programs' },
      kernel: {
        type: 'string',
        short: 'k',
        value: 'KERNEL',
        help: 'a version of Debian: 6.12 (default), 6.1',
        choices: ['6.12', '6.1'],
      },
      prog: { type: 'string', multiple: true, value: 'NAME', help: 'only this program' },
      global: {
        type: 'string',
        multiple: true,
        value: 'NAME=VALUE',
        help: 'a global variable, set before loading',
      },
      ignore: {
        type: 'string',
        multiple: true,
        value: 'MAP',
        help: 'leave the contents of this map out of the comparison',
      },
      count: { type: 'string', value: 'N', help: 'packets of the capture (default 1000)' },
      'log-level': { type: 'string', value: 'N', help: "of the verifier's log: 1 (default), 2" },
      plan: {
        type: 'string',
        value: 'FILE',
        help: 'objects, packets and entries of maps, as JSON',
      },
      observe: { type: 'boolean', help: 'what diff does in the machine (BEEYARD_LINUX=on)' },
      timeout: { type: 'string', value: 'SECONDS', help: 'of the machine (default 600)' },
      accel: {
        type: 'string',
        value: 'HOW',
        choices: ['auto', 'kvm', 'tcg'],
        help: 'default auto: kvm where it works',
      },
    },
    details:
      'Loads every program alone into the simulated kernel and into Linux, which is booted in ' +
      'QEMU for it, runs XDP and tc programs on the packets in order (BPF_PROG_TEST_RUN), and ' +
      "compares: verdict, the verifier's log (but for addresses and how long it took), return " +
      'values, packets afterwards, contents of maps. Ends with 1 when anything differs. Nothing ' +
      'is loaded into the kernel of this computer. Needs qemu-system-x86_64, a C compiler and ' +
      'the package koffi.',
    examples: [
      ['beeyard diff firewall.bpf.o --pcap capture.pcap', 'on Linux 6.12'],
      ['beeyard diff *.bpf.o --kernel 6.1 -j', 'verdicts and logs of many, on 6.1, as JSON'],
    ],
    load: () => import('./diff.ts'),
  },
];
