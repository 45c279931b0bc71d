// Which outputs are near the screen. Those that are costly (frames, charts, images) are drawn when they come near; of those
// that went far the latest seen stay as they are, and older ones are put away and leave their height behind.
//
// Owns the order in which they were seen. A place whose contents may not be put away (something is under way in it) is not.

import { tooMany } from "../core/near.ts";

const NEAR = "1000px";
const LIVE = 24; // costly outputs that are kept though they are far; a frame costs some 3 MB

export interface Costly {
  /** Come near for the first time, or again after `putAway`. */
  draw(): void;
  /** Gone far, and others need the room. */
  putAway(): void;
}

interface Known {
  readonly costly: Costly;
  isNear: boolean;
  isDrawn: boolean;
}

const known = new Map<Element, Known>(); // in the order in which they were last near
const observer = new IntersectionObserver(approach, { rootMargin: `${NEAR} 0px` });

/** An output that is drawn when it is near. Only those of cells near the screen are watched: that costs every frame. */
export interface Watched {
  watch(cellIsNear: boolean): void;
  end(): void;
}

export function whenNear(element: Element, costly: Costly): Watched {
  known.set(element, { costly, isNear: false, isDrawn: false });
  return {
    watch: (cellIsNear) => {
      if (cellIsNear) observer.observe(element);
      else {
        observer.unobserve(element);
        const one = known.get(element);
        if (one !== undefined) one.isNear = false;
      }
    },
    end: () => {
      known.delete(element);
      observer.unobserve(element);
    },
  };
}

function approach(entries: IntersectionObserverEntry[]): void {
  for (const { target, isIntersecting } of entries) {
    const one = known.get(target);
    if (one === undefined) continue;
    one.isNear = isIntersecting;
    known.delete(target);
    known.set(target, one); // the latest seen
    if (!isIntersecting || one.isDrawn) continue;
    one.isDrawn = true;
    one.costly.draw();
  }
  const drawn = [...known.values()].filter(({ isDrawn }) => isDrawn);
  for (const one of tooMany(drawn, ({ isNear }) => isNear, LIVE)) {
    one.isDrawn = false;
    one.costly.putAway();
  }
}
