//VERSION=3
// Sentinel-2 L2A as digital numbers (reflectance × 10000, harmonised over baselines), then the scene classification;
// NaN where there is no data.
function setup() {
  return {
    input: [{ bands: ["B02", "B03", "B04", "B08", "B11", "B12", "SCL", "dataMask"], units: "DN" }],
    output: { bands: 7, sampleType: "FLOAT32" },
    mosaicking: "SIMPLE"
  };
}

function evaluatePixel(sample) {
  if (!sample.dataMask) {
    return [NaN, NaN, NaN, NaN, NaN, NaN, NaN];
  }
  return [sample.B02, sample.B03, sample.B04, sample.B08, sample.B11, sample.B12, sample.SCL];
}
