// What the camera sees, mirrored, with an outline around the face that is meant. A frame is drawn and forgotten.

const picture = document.getElementById("picture");
const outline = document.getElementById("outline");
const ellipse = outline.firstElementChild;
const brush = picture.getContext("2d");

/** How long to wait where the terminal does not answer. */
const PAUSE_MS = 1000;

const pause = () => new Promise((done) => setTimeout(done, PAUSE_MS));

/** Where a face should be while none is there: left, top, right, bottom, in shares of the picture. */
const MIDDLE = [0.36, 0.26, 0.64, 0.63];

function draw({ width, height, face }, pixels) {
  if (width > 0) {
    if (picture.width !== width || picture.height !== height) {
      [picture.width, picture.height] = [width, height];
    }
    brush.putImageData(new ImageData(new Uint8ClampedArray(pixels), width, height), 0, 0);
  }
  const [w, h] = width > 0 ? [width, height] : [4, 3];
  outline.setAttribute("viewBox", `0 0 400 ${(400 * h) / w}`);
  circle(face, 400, (400 * h) / w);
}

/** A box around a face ends at the brows and the chin; a head is higher. */
function circle(face, w, h) {
  outline.classList.toggle("found", Boolean(face));
  const [left, top, right, bottom] = face ?? MIDDLE;
  ellipse.setAttribute("cx", (1 - (left + right) / 2) * w);
  ellipse.setAttribute("cy", ((top + bottom) / 2 - 0.06 * (bottom - top)) * h);
  ellipse.setAttribute("rx", 0.56 * (right - left) * w);
  ellipse.setAttribute("ry", 0.74 * (bottom - top) * h);
}

/** Nothing is looked at: nothing of before stays. */
export function clear() {
  brush.clearRect(0, 0, picture.width, picture.height);
  circle(null, 400, 300);
}

/** Shows each frame that is looked at, as fast as the page draws. */
export async function follow() {
  let after = 0;
  for (;;) {
    try {
      const answer = await fetch(`frame?after=${after}`);
      if (answer.status === 200) {
        const facts = JSON.parse(answer.headers.get("x-limen-frame"));
        after = facts.number;
        draw(facts, await answer.arrayBuffer());
        await new Promise(requestAnimationFrame);
      } else {
        clear();
        // A terminal that was started anew counts from one.
        after = 0;
        if (answer.status !== 204) await pause();
      }
    } catch {
      clear();
      after = 0;
      await pause();
    }
  }
}
