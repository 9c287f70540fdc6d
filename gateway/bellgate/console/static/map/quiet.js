// While Leaflet loads, it asks once whether this browser draws SVG inside HTML, by writing markup into an element. No
// page of ours lets anybody write markup (require-trusted-types-for), so the question would end the script. Until it
// has loaded, a new element takes what is written into it and parses nothing; Leaflet then takes the answer for a no,
// and asks nothing else of it.

const create = document.createElement;

document.createElement = function (...given) {
  const element = create.apply(this, given);
  Object.defineProperty(element, "innerHTML", { value: "", writable: true, configurable: true });
  return element;
};

export function loud() {
  document.createElement = create;
}
