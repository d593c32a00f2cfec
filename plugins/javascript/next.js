/** A loader for next/image. NEXT_PUBLIC_DARKROOM_URL is the address of the stack's pages. */

import { addressOf } from "./pictures.js";

export default function darkroomLoader({ src, width }) {
  // Next.js replaces this expression when it builds; it can't be read in another way.
  const stack = process.env.NEXT_PUBLIC_DARKROOM_URL;
  if (!stack) throw new Error("NEXT_PUBLIC_DARKROOM_URL is not set. Set it to the address of Darkroom's pages.");
  return `${addressOf(stack, src)}?w=${width}`;
}
