export { openView } from './open.ts';
export type { SharedView } from './share.ts';
export type {
  Live,
  LiveArray,
  LiveBase,
  LivePart,
  LiveScalar,
  LiveStruct,
  LiveUnknown,
  WritableLive,
} from './types.ts';
export { userView, type UserViewOptions } from './user.ts';
export { type LiveViews, type ViewOptions, viewsFor } from './views.ts';
