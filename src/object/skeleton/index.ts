export { skeletonName } from './names.ts';
export { printSkeleton } from './skeleton.ts';
export { printSubskeleton } from './subskeleton.ts';
