// Plain data will do: what kfunc() makes is nothing else.
export const sum = {
  name: 'sum',
  args: [{ buf: true, sizeArg: 1 }, { int: 'u32' }],
  ret: { int: 'u32' },
  programs: ['xdp'],
};

export const putBoth = {
  name: 'put_both',
  args: [
    { ptr: 'task_struct', release: true },
    { ptr: 'task_struct', release: true },
  ],
};
