// Launches and loops pass what kernels and programs take.
//
// RUN: etch-opt %s -split-input-file -verify-diagnostics

func.func private @k(%x: tensor<2xf32>) -> tensor<2xf32>
func.func @number(%x: memref<2xf32>) {
  // expected-error @+1 {{has 2 inputs, the kernel 1}}
  device.launch @k ins(%x, %x : memref<2xf32>, memref<2xf32>) outs(%x : memref<2xf32>)
  return
}

// -----

func.func private @k(%x: tensor<2xf32>) -> tensor<2xf32>
func.func @type(%x: memref<3xf32>, %y: memref<2xf32>) {
  // expected-error @+1 {{passes 'memref<3xf32>' for 'tensor<2xf32>'}}
  device.launch @k ins(%x : memref<3xf32>) outs(%y : memref<2xf32>)
  return
}

// -----

func.func @kernel(%x: memref<2xf32>) {
  // expected-error @+1 {{there is no kernel @k}}
  device.launch @k ins(%x : memref<2xf32>) outs(%x : memref<2xf32>)
  return
}

// -----

func.func @program(%s: memref<f32>, %n: memref<i64>, %a: memref<?xi8>) {
  // expected-error @+1 {{there is no program @body}}
  device.loop @body states(%s : memref<f32>) xs() captures() count(%n : memref<i64>) ys() arena(%a : memref<?xi8>) {max_iterations = 2 : i64, reverse = false}
  return
}

// -----

func.func private @body(%i: memref<i64>)
func.func @buffers(%s: memref<f32>, %n: memref<i64>, %a: memref<?xi8>) {
  // expected-error @+1 {{passes 3 buffers to @body, which takes 1}}
  device.loop @body states(%s : memref<f32>) xs() captures() count(%n : memref<i64>) ys() arena(%a : memref<?xi8>) {max_iterations = 2 : i64, reverse = false}
  return
}

// -----

func.func private @prepare(%i: memref<i64>)
func.func @prepared(%s: memref<f32>, %a: memref<?xi8>) {
  // expected-error @+1 {{passes 3 buffers to @prepare, which takes 1}}
  device.prepare @prepare captures(%s : memref<f32>) ys(%s : memref<f32>) arena(%a : memref<?xi8>)
  return
}
