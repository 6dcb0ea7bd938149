//VERSION=3
// Sentinel-1 GRD as terrain-corrected gamma0, linear power; NaN where there is no data.
function setup() {
  return {
    input: [{ bands: ["VV", "VH", "dataMask"], units: "LINEAR_POWER" }],
    output: { bands: 2, sampleType: "FLOAT32" },
    mosaicking: "SIMPLE"
  };
}

function evaluatePixel(sample) {
  return sample.dataMask ? [sample.VV, sample.VH] : [NaN, NaN];
}
