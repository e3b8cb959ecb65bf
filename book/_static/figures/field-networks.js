// The layers of the book's networks, one a line: its name, its kind, its numbers, and behind <
// where it takes its input from if that is not the line before. k: side of the window, s: step,
// p and q: padding before and behind, c: maps or units.
// Written by tools/export_depth_and_cost.py.
window.cnnlib = window.cnnlib || {};
cnnlib.describedNetworks = {
  "LeNet-5": `
image picture n=32 c=1
c1 convolution k=5 c=6
s2 subsampling k=2 s=2
c3 convolution k=5 c=16 links=60
s4 subsampling k=2 s=2
c5 convolution k=5 c=120
flatten flattening
f6 dense c=84
output distances c=10
`,
  "AlexNet": `
image picture n=227 c=3
conv1 convolution k=11 s=4 c=96
norm1 pixelwise
pool1 pooling k=3 s=2
conv2 convolution k=5 p=2 c=256 groups=2
norm2 pixelwise
pool2 pooling k=3 s=2
conv3 convolution k=3 p=1 c=384
conv4 convolution k=3 p=1 c=384 groups=2
conv5 convolution k=3 p=1 c=256 groups=2
pool5 pooling k=3 s=2
flatten flattening
fc6 dense c=4096
dropout6 nothing
fc7 dense c=4096
dropout7 nothing
fc8 dense c=1000
`,
  "VGG-16": `
image picture n=224 c=3
conv1_1 convolution k=3 p=1 c=64
conv1_2 convolution k=3 p=1 c=64
pool1 pooling k=2 s=2
conv2_1 convolution k=3 p=1 c=128
conv2_2 convolution k=3 p=1 c=128
pool2 pooling k=2 s=2
conv3_1 convolution k=3 p=1 c=256
conv3_2 convolution k=3 p=1 c=256
conv3_3 convolution k=3 p=1 c=256
pool3 pooling k=2 s=2
conv4_1 convolution k=3 p=1 c=512
conv4_2 convolution k=3 p=1 c=512
conv4_3 convolution k=3 p=1 c=512
pool4 pooling k=2 s=2
conv5_1 convolution k=3 p=1 c=512
conv5_2 convolution k=3 p=1 c=512
conv5_3 convolution k=3 p=1 c=512
pool5 pooling k=2 s=2
flatten flattening
fc6 dense c=4096
dropout6 nothing
fc7 dense c=4096
dropout7 nothing
fc8 dense c=1000
`,
  "Network in network": `
image picture n=32 c=3
conv1 convolution k=5 p=2 c=192
cccp1 convolution k=1 c=160
cccp2 convolution k=1 c=96
pool1 pooling k=3 s=2 p=0 q=1
dropout1 nothing
conv2 convolution k=5 p=2 c=192
cccp3 convolution k=1 c=192
cccp4 convolution k=1 c=192
pool2 pooling k=3 s=2 p=0 q=1
dropout2 nothing
conv3 convolution k=3 p=1 c=192
cccp5 convolution k=1 c=192
cccp6 convolution k=1 c=10
pool3 mean
`,
  "GoogLeNet": `
image picture n=224 c=3
conv1_pad padding p=3
conv1 convolution k=7 s=2 c=64
pool1 pooling k=3 s=2 p=0 q=1
norm1 pixelwise
conv2_reduce convolution k=1 c=64
conv2 convolution k=3 p=1 c=192
norm2 pixelwise
pool2 pooling k=3 s=2 p=0 q=1
inception_3a_1x1 convolution k=1 c=64
inception_3a_3x3_reduce convolution k=1 c=96 < pool2
inception_3a_3x3 convolution k=3 p=1 c=128
inception_3a_5x5_reduce convolution k=1 c=16 < pool2
inception_3a_5x5 convolution k=5 p=2 c=32
inception_3a_pool pooling k=3 p=1 < pool2
inception_3a_pool_proj convolution k=1 c=32
inception_3a concatenation < inception_3a_1x1 inception_3a_3x3 inception_3a_5x5 inception_3a_pool_proj
inception_3b_1x1 convolution k=1 c=128
inception_3b_3x3_reduce convolution k=1 c=128 < inception_3a
inception_3b_3x3 convolution k=3 p=1 c=192
inception_3b_5x5_reduce convolution k=1 c=32 < inception_3a
inception_3b_5x5 convolution k=5 p=2 c=96
inception_3b_pool pooling k=3 p=1 < inception_3a
inception_3b_pool_proj convolution k=1 c=64
inception_3b concatenation < inception_3b_1x1 inception_3b_3x3 inception_3b_5x5 inception_3b_pool_proj
pool3 pooling k=3 s=2 p=0 q=1
inception_4a_1x1 convolution k=1 c=192
inception_4a_3x3_reduce convolution k=1 c=96 < pool3
inception_4a_3x3 convolution k=3 p=1 c=208
inception_4a_5x5_reduce convolution k=1 c=16 < pool3
inception_4a_5x5 convolution k=5 p=2 c=48
inception_4a_pool pooling k=3 p=1 < pool3
inception_4a_pool_proj convolution k=1 c=64
inception_4a concatenation < inception_4a_1x1 inception_4a_3x3 inception_4a_5x5 inception_4a_pool_proj
inception_4b_1x1 convolution k=1 c=160
inception_4b_3x3_reduce convolution k=1 c=112 < inception_4a
inception_4b_3x3 convolution k=3 p=1 c=224
inception_4b_5x5_reduce convolution k=1 c=24 < inception_4a
inception_4b_5x5 convolution k=5 p=2 c=64
inception_4b_pool pooling k=3 p=1 < inception_4a
inception_4b_pool_proj convolution k=1 c=64
inception_4b concatenation < inception_4b_1x1 inception_4b_3x3 inception_4b_5x5 inception_4b_pool_proj
inception_4c_1x1 convolution k=1 c=128
inception_4c_3x3_reduce convolution k=1 c=128 < inception_4b
inception_4c_3x3 convolution k=3 p=1 c=256
inception_4c_5x5_reduce convolution k=1 c=24 < inception_4b
inception_4c_5x5 convolution k=5 p=2 c=64
inception_4c_pool pooling k=3 p=1 < inception_4b
inception_4c_pool_proj convolution k=1 c=64
inception_4c concatenation < inception_4c_1x1 inception_4c_3x3 inception_4c_5x5 inception_4c_pool_proj
inception_4d_1x1 convolution k=1 c=112
inception_4d_3x3_reduce convolution k=1 c=144 < inception_4c
inception_4d_3x3 convolution k=3 p=1 c=288
inception_4d_5x5_reduce convolution k=1 c=32 < inception_4c
inception_4d_5x5 convolution k=5 p=2 c=64
inception_4d_pool pooling k=3 p=1 < inception_4c
inception_4d_pool_proj convolution k=1 c=64
inception_4d concatenation < inception_4d_1x1 inception_4d_3x3 inception_4d_5x5 inception_4d_pool_proj
inception_4e_1x1 convolution k=1 c=256
inception_4e_3x3_reduce convolution k=1 c=160 < inception_4d
inception_4e_3x3 convolution k=3 p=1 c=320
inception_4e_5x5_reduce convolution k=1 c=32 < inception_4d
inception_4e_5x5 convolution k=5 p=2 c=128
inception_4e_pool pooling k=3 p=1 < inception_4d
inception_4e_pool_proj convolution k=1 c=128
inception_4e concatenation < inception_4e_1x1 inception_4e_3x3 inception_4e_5x5 inception_4e_pool_proj
pool4 pooling k=3 s=2 p=0 q=1
inception_5a_1x1 convolution k=1 c=256
inception_5a_3x3_reduce convolution k=1 c=160 < pool4
inception_5a_3x3 convolution k=3 p=1 c=320
inception_5a_5x5_reduce convolution k=1 c=32 < pool4
inception_5a_5x5 convolution k=5 p=2 c=128
inception_5a_pool pooling k=3 p=1 < pool4
inception_5a_pool_proj convolution k=1 c=128
inception_5a concatenation < inception_5a_1x1 inception_5a_3x3 inception_5a_5x5 inception_5a_pool_proj
inception_5b_1x1 convolution k=1 c=384
inception_5b_3x3_reduce convolution k=1 c=192 < inception_5a
inception_5b_3x3 convolution k=3 p=1 c=384
inception_5b_5x5_reduce convolution k=1 c=48 < inception_5a
inception_5b_5x5 convolution k=5 p=2 c=128
inception_5b_pool pooling k=3 p=1 < inception_5a
inception_5b_pool_proj convolution k=1 c=128
inception_5b concatenation < inception_5b_1x1 inception_5b_3x3 inception_5b_5x5 inception_5b_pool_proj
avg_pool mean
dropout nothing
linear dense c=1000
`,
  "ResNet-18": `
image picture n=224 c=3
conv1_pad padding p=3
conv1 convolution k=7 s=2 c=64 bias=0
conv1_norm batch-normalisation
conv1_relu pixelwise
pool1_pad padding p=1
pool1 pooling k=3 s=2
stage2_block1_conv1 convolution k=3 p=1 c=64 bias=0
stage2_block1_conv1_norm batch-normalisation
stage2_block1_conv1_relu pixelwise
stage2_block1_conv2 convolution k=3 p=1 c=64 bias=0
stage2_block1_conv2_norm batch-normalisation
stage2_block1_add sum < pool1 stage2_block1_conv2_norm
stage2_block1 pixelwise
stage2_block2_conv1 convolution k=3 p=1 c=64 bias=0
stage2_block2_conv1_norm batch-normalisation
stage2_block2_conv1_relu pixelwise
stage2_block2_conv2 convolution k=3 p=1 c=64 bias=0
stage2_block2_conv2_norm batch-normalisation
stage2_block2_add sum < stage2_block1 stage2_block2_conv2_norm
stage2_block2 pixelwise
stage3_block1_shortcut convolution k=1 s=2 c=128 bias=0
stage3_block1_shortcut_norm batch-normalisation
stage3_block1_conv1_pad padding p=1 < stage2_block2
stage3_block1_conv1 convolution k=3 s=2 c=128 bias=0
stage3_block1_conv1_norm batch-normalisation
stage3_block1_conv1_relu pixelwise
stage3_block1_conv2 convolution k=3 p=1 c=128 bias=0
stage3_block1_conv2_norm batch-normalisation
stage3_block1_add sum < stage3_block1_shortcut_norm stage3_block1_conv2_norm
stage3_block1 pixelwise
stage3_block2_conv1 convolution k=3 p=1 c=128 bias=0
stage3_block2_conv1_norm batch-normalisation
stage3_block2_conv1_relu pixelwise
stage3_block2_conv2 convolution k=3 p=1 c=128 bias=0
stage3_block2_conv2_norm batch-normalisation
stage3_block2_add sum < stage3_block1 stage3_block2_conv2_norm
stage3_block2 pixelwise
stage4_block1_shortcut convolution k=1 s=2 c=256 bias=0
stage4_block1_shortcut_norm batch-normalisation
stage4_block1_conv1_pad padding p=1 < stage3_block2
stage4_block1_conv1 convolution k=3 s=2 c=256 bias=0
stage4_block1_conv1_norm batch-normalisation
stage4_block1_conv1_relu pixelwise
stage4_block1_conv2 convolution k=3 p=1 c=256 bias=0
stage4_block1_conv2_norm batch-normalisation
stage4_block1_add sum < stage4_block1_shortcut_norm stage4_block1_conv2_norm
stage4_block1 pixelwise
stage4_block2_conv1 convolution k=3 p=1 c=256 bias=0
stage4_block2_conv1_norm batch-normalisation
stage4_block2_conv1_relu pixelwise
stage4_block2_conv2 convolution k=3 p=1 c=256 bias=0
stage4_block2_conv2_norm batch-normalisation
stage4_block2_add sum < stage4_block1 stage4_block2_conv2_norm
stage4_block2 pixelwise
stage5_block1_shortcut convolution k=1 s=2 c=512 bias=0
stage5_block1_shortcut_norm batch-normalisation
stage5_block1_conv1_pad padding p=1 < stage4_block2
stage5_block1_conv1 convolution k=3 s=2 c=512 bias=0
stage5_block1_conv1_norm batch-normalisation
stage5_block1_conv1_relu pixelwise
stage5_block1_conv2 convolution k=3 p=1 c=512 bias=0
stage5_block1_conv2_norm batch-normalisation
stage5_block1_add sum < stage5_block1_shortcut_norm stage5_block1_conv2_norm
stage5_block1 pixelwise
stage5_block2_conv1 convolution k=3 p=1 c=512 bias=0
stage5_block2_conv1_norm batch-normalisation
stage5_block2_conv1_relu pixelwise
stage5_block2_conv2 convolution k=3 p=1 c=512 bias=0
stage5_block2_conv2_norm batch-normalisation
stage5_block2_add sum < stage5_block1 stage5_block2_conv2_norm
stage5_block2 pixelwise
avg_pool mean
fc dense c=1000
`,
  "ResNet-50": `
image picture n=224 c=3
conv1_pad padding p=3
conv1 convolution k=7 s=2 c=64 bias=0
conv1_norm batch-normalisation
conv1_relu pixelwise
pool1_pad padding p=1
pool1 pooling k=3 s=2
stage2_block1_shortcut convolution k=1 c=256 bias=0
stage2_block1_shortcut_norm batch-normalisation
stage2_block1_conv1 convolution k=1 c=64 bias=0 < pool1
stage2_block1_conv1_norm batch-normalisation
stage2_block1_conv1_relu pixelwise
stage2_block1_conv2 convolution k=3 p=1 c=64 bias=0
stage2_block1_conv2_norm batch-normalisation
stage2_block1_conv2_relu pixelwise
stage2_block1_conv3 convolution k=1 c=256 bias=0
stage2_block1_conv3_norm batch-normalisation
stage2_block1_add sum < stage2_block1_shortcut_norm stage2_block1_conv3_norm
stage2_block1 pixelwise
stage2_block2_conv1 convolution k=1 c=64 bias=0
stage2_block2_conv1_norm batch-normalisation
stage2_block2_conv1_relu pixelwise
stage2_block2_conv2 convolution k=3 p=1 c=64 bias=0
stage2_block2_conv2_norm batch-normalisation
stage2_block2_conv2_relu pixelwise
stage2_block2_conv3 convolution k=1 c=256 bias=0
stage2_block2_conv3_norm batch-normalisation
stage2_block2_add sum < stage2_block1 stage2_block2_conv3_norm
stage2_block2 pixelwise
stage2_block3_conv1 convolution k=1 c=64 bias=0
stage2_block3_conv1_norm batch-normalisation
stage2_block3_conv1_relu pixelwise
stage2_block3_conv2 convolution k=3 p=1 c=64 bias=0
stage2_block3_conv2_norm batch-normalisation
stage2_block3_conv2_relu pixelwise
stage2_block3_conv3 convolution k=1 c=256 bias=0
stage2_block3_conv3_norm batch-normalisation
stage2_block3_add sum < stage2_block2 stage2_block3_conv3_norm
stage2_block3 pixelwise
stage3_block1_shortcut convolution k=1 s=2 c=512 bias=0
stage3_block1_shortcut_norm batch-normalisation
stage3_block1_conv1 convolution k=1 s=2 c=128 bias=0 < stage2_block3
stage3_block1_conv1_norm batch-normalisation
stage3_block1_conv1_relu pixelwise
stage3_block1_conv2 convolution k=3 p=1 c=128 bias=0
stage3_block1_conv2_norm batch-normalisation
stage3_block1_conv2_relu pixelwise
stage3_block1_conv3 convolution k=1 c=512 bias=0
stage3_block1_conv3_norm batch-normalisation
stage3_block1_add sum < stage3_block1_shortcut_norm stage3_block1_conv3_norm
stage3_block1 pixelwise
stage3_block2_conv1 convolution k=1 c=128 bias=0
stage3_block2_conv1_norm batch-normalisation
stage3_block2_conv1_relu pixelwise
stage3_block2_conv2 convolution k=3 p=1 c=128 bias=0
stage3_block2_conv2_norm batch-normalisation
stage3_block2_conv2_relu pixelwise
stage3_block2_conv3 convolution k=1 c=512 bias=0
stage3_block2_conv3_norm batch-normalisation
stage3_block2_add sum < stage3_block1 stage3_block2_conv3_norm
stage3_block2 pixelwise
stage3_block3_conv1 convolution k=1 c=128 bias=0
stage3_block3_conv1_norm batch-normalisation
stage3_block3_conv1_relu pixelwise
stage3_block3_conv2 convolution k=3 p=1 c=128 bias=0
stage3_block3_conv2_norm batch-normalisation
stage3_block3_conv2_relu pixelwise
stage3_block3_conv3 convolution k=1 c=512 bias=0
stage3_block3_conv3_norm batch-normalisation
stage3_block3_add sum < stage3_block2 stage3_block3_conv3_norm
stage3_block3 pixelwise
stage3_block4_conv1 convolution k=1 c=128 bias=0
stage3_block4_conv1_norm batch-normalisation
stage3_block4_conv1_relu pixelwise
stage3_block4_conv2 convolution k=3 p=1 c=128 bias=0
stage3_block4_conv2_norm batch-normalisation
stage3_block4_conv2_relu pixelwise
stage3_block4_conv3 convolution k=1 c=512 bias=0
stage3_block4_conv3_norm batch-normalisation
stage3_block4_add sum < stage3_block3 stage3_block4_conv3_norm
stage3_block4 pixelwise
stage4_block1_shortcut convolution k=1 s=2 c=1024 bias=0
stage4_block1_shortcut_norm batch-normalisation
stage4_block1_conv1 convolution k=1 s=2 c=256 bias=0 < stage3_block4
stage4_block1_conv1_norm batch-normalisation
stage4_block1_conv1_relu pixelwise
stage4_block1_conv2 convolution k=3 p=1 c=256 bias=0
stage4_block1_conv2_norm batch-normalisation
stage4_block1_conv2_relu pixelwise
stage4_block1_conv3 convolution k=1 c=1024 bias=0
stage4_block1_conv3_norm batch-normalisation
stage4_block1_add sum < stage4_block1_shortcut_norm stage4_block1_conv3_norm
stage4_block1 pixelwise
stage4_block2_conv1 convolution k=1 c=256 bias=0
stage4_block2_conv1_norm batch-normalisation
stage4_block2_conv1_relu pixelwise
stage4_block2_conv2 convolution k=3 p=1 c=256 bias=0
stage4_block2_conv2_norm batch-normalisation
stage4_block2_conv2_relu pixelwise
stage4_block2_conv3 convolution k=1 c=1024 bias=0
stage4_block2_conv3_norm batch-normalisation
stage4_block2_add sum < stage4_block1 stage4_block2_conv3_norm
stage4_block2 pixelwise
stage4_block3_conv1 convolution k=1 c=256 bias=0
stage4_block3_conv1_norm batch-normalisation
stage4_block3_conv1_relu pixelwise
stage4_block3_conv2 convolution k=3 p=1 c=256 bias=0
stage4_block3_conv2_norm batch-normalisation
stage4_block3_conv2_relu pixelwise
stage4_block3_conv3 convolution k=1 c=1024 bias=0
stage4_block3_conv3_norm batch-normalisation
stage4_block3_add sum < stage4_block2 stage4_block3_conv3_norm
stage4_block3 pixelwise
stage4_block4_conv1 convolution k=1 c=256 bias=0
stage4_block4_conv1_norm batch-normalisation
stage4_block4_conv1_relu pixelwise
stage4_block4_conv2 convolution k=3 p=1 c=256 bias=0
stage4_block4_conv2_norm batch-normalisation
stage4_block4_conv2_relu pixelwise
stage4_block4_conv3 convolution k=1 c=1024 bias=0
stage4_block4_conv3_norm batch-normalisation
stage4_block4_add sum < stage4_block3 stage4_block4_conv3_norm
stage4_block4 pixelwise
stage4_block5_conv1 convolution k=1 c=256 bias=0
stage4_block5_conv1_norm batch-normalisation
stage4_block5_conv1_relu pixelwise
stage4_block5_conv2 convolution k=3 p=1 c=256 bias=0
stage4_block5_conv2_norm batch-normalisation
stage4_block5_conv2_relu pixelwise
stage4_block5_conv3 convolution k=1 c=1024 bias=0
stage4_block5_conv3_norm batch-normalisation
stage4_block5_add sum < stage4_block4 stage4_block5_conv3_norm
stage4_block5 pixelwise
stage4_block6_conv1 convolution k=1 c=256 bias=0
stage4_block6_conv1_norm batch-normalisation
stage4_block6_conv1_relu pixelwise
stage4_block6_conv2 convolution k=3 p=1 c=256 bias=0
stage4_block6_conv2_norm batch-normalisation
stage4_block6_conv2_relu pixelwise
stage4_block6_conv3 convolution k=1 c=1024 bias=0
stage4_block6_conv3_norm batch-normalisation
stage4_block6_add sum < stage4_block5 stage4_block6_conv3_norm
stage4_block6 pixelwise
stage5_block1_shortcut convolution k=1 s=2 c=2048 bias=0
stage5_block1_shortcut_norm batch-normalisation
stage5_block1_conv1 convolution k=1 s=2 c=512 bias=0 < stage4_block6
stage5_block1_conv1_norm batch-normalisation
stage5_block1_conv1_relu pixelwise
stage5_block1_conv2 convolution k=3 p=1 c=512 bias=0
stage5_block1_conv2_norm batch-normalisation
stage5_block1_conv2_relu pixelwise
stage5_block1_conv3 convolution k=1 c=2048 bias=0
stage5_block1_conv3_norm batch-normalisation
stage5_block1_add sum < stage5_block1_shortcut_norm stage5_block1_conv3_norm
stage5_block1 pixelwise
stage5_block2_conv1 convolution k=1 c=512 bias=0
stage5_block2_conv1_norm batch-normalisation
stage5_block2_conv1_relu pixelwise
stage5_block2_conv2 convolution k=3 p=1 c=512 bias=0
stage5_block2_conv2_norm batch-normalisation
stage5_block2_conv2_relu pixelwise
stage5_block2_conv3 convolution k=1 c=2048 bias=0
stage5_block2_conv3_norm batch-normalisation
stage5_block2_add sum < stage5_block1 stage5_block2_conv3_norm
stage5_block2 pixelwise
stage5_block3_conv1 convolution k=1 c=512 bias=0
stage5_block3_conv1_norm batch-normalisation
stage5_block3_conv1_relu pixelwise
stage5_block3_conv2 convolution k=3 p=1 c=512 bias=0
stage5_block3_conv2_norm batch-normalisation
stage5_block3_conv2_relu pixelwise
stage5_block3_conv3 convolution k=1 c=2048 bias=0
stage5_block3_conv3_norm batch-normalisation
stage5_block3_add sum < stage5_block2 stage5_block3_conv3_norm
stage5_block3 pixelwise
avg_pool mean
fc dense c=1000
`,
  "ResNet-20 for CIFAR": `
image picture n=32 c=3
conv1 convolution k=3 p=1 c=16 bias=0
conv1_norm batch-normalisation
conv1_relu pixelwise
stage1_block1_conv1 convolution k=3 p=1 c=16 bias=0
stage1_block1_conv1_norm batch-normalisation
stage1_block1_conv1_relu pixelwise
stage1_block1_conv2 convolution k=3 p=1 c=16 bias=0
stage1_block1_conv2_norm batch-normalisation
stage1_block1_add sum < conv1_relu stage1_block1_conv2_norm
stage1_block1 pixelwise
stage1_block2_conv1 convolution k=3 p=1 c=16 bias=0
stage1_block2_conv1_norm batch-normalisation
stage1_block2_conv1_relu pixelwise
stage1_block2_conv2 convolution k=3 p=1 c=16 bias=0
stage1_block2_conv2_norm batch-normalisation
stage1_block2_add sum < stage1_block1 stage1_block2_conv2_norm
stage1_block2 pixelwise
stage1_block3_conv1 convolution k=3 p=1 c=16 bias=0
stage1_block3_conv1_norm batch-normalisation
stage1_block3_conv1_relu pixelwise
stage1_block3_conv2 convolution k=3 p=1 c=16 bias=0
stage1_block3_conv2_norm batch-normalisation
stage1_block3_add sum < stage1_block2 stage1_block3_conv2_norm
stage1_block3 pixelwise
stage2_block1_subsample pooling k=1 s=2
stage2_block1_zeros zero-maps c=32
stage2_block1_conv1_pad padding p=1 < stage1_block3
stage2_block1_conv1 convolution k=3 s=2 c=32 bias=0
stage2_block1_conv1_norm batch-normalisation
stage2_block1_conv1_relu pixelwise
stage2_block1_conv2 convolution k=3 p=1 c=32 bias=0
stage2_block1_conv2_norm batch-normalisation
stage2_block1_add sum < stage2_block1_zeros stage2_block1_conv2_norm
stage2_block1 pixelwise
stage2_block2_conv1 convolution k=3 p=1 c=32 bias=0
stage2_block2_conv1_norm batch-normalisation
stage2_block2_conv1_relu pixelwise
stage2_block2_conv2 convolution k=3 p=1 c=32 bias=0
stage2_block2_conv2_norm batch-normalisation
stage2_block2_add sum < stage2_block1 stage2_block2_conv2_norm
stage2_block2 pixelwise
stage2_block3_conv1 convolution k=3 p=1 c=32 bias=0
stage2_block3_conv1_norm batch-normalisation
stage2_block3_conv1_relu pixelwise
stage2_block3_conv2 convolution k=3 p=1 c=32 bias=0
stage2_block3_conv2_norm batch-normalisation
stage2_block3_add sum < stage2_block2 stage2_block3_conv2_norm
stage2_block3 pixelwise
stage3_block1_subsample pooling k=1 s=2
stage3_block1_zeros zero-maps c=64
stage3_block1_conv1_pad padding p=1 < stage2_block3
stage3_block1_conv1 convolution k=3 s=2 c=64 bias=0
stage3_block1_conv1_norm batch-normalisation
stage3_block1_conv1_relu pixelwise
stage3_block1_conv2 convolution k=3 p=1 c=64 bias=0
stage3_block1_conv2_norm batch-normalisation
stage3_block1_add sum < stage3_block1_zeros stage3_block1_conv2_norm
stage3_block1 pixelwise
stage3_block2_conv1 convolution k=3 p=1 c=64 bias=0
stage3_block2_conv1_norm batch-normalisation
stage3_block2_conv1_relu pixelwise
stage3_block2_conv2 convolution k=3 p=1 c=64 bias=0
stage3_block2_conv2_norm batch-normalisation
stage3_block2_add sum < stage3_block1 stage3_block2_conv2_norm
stage3_block2 pixelwise
stage3_block3_conv1 convolution k=3 p=1 c=64 bias=0
stage3_block3_conv1_norm batch-normalisation
stage3_block3_conv1_relu pixelwise
stage3_block3_conv2 convolution k=3 p=1 c=64 bias=0
stage3_block3_conv2_norm batch-normalisation
stage3_block3_add sum < stage3_block2 stage3_block3_conv2_norm
stage3_block3 pixelwise
avg_pool mean
fc dense c=10
`,
  "ResNet-56 for CIFAR": `
image picture n=32 c=3
conv1 convolution k=3 p=1 c=16 bias=0
conv1_norm batch-normalisation
conv1_relu pixelwise
stage1_block1_conv1 convolution k=3 p=1 c=16 bias=0
stage1_block1_conv1_norm batch-normalisation
stage1_block1_conv1_relu pixelwise
stage1_block1_conv2 convolution k=3 p=1 c=16 bias=0
stage1_block1_conv2_norm batch-normalisation
stage1_block1_add sum < conv1_relu stage1_block1_conv2_norm
stage1_block1 pixelwise
stage1_block2_conv1 convolution k=3 p=1 c=16 bias=0
stage1_block2_conv1_norm batch-normalisation
stage1_block2_conv1_relu pixelwise
stage1_block2_conv2 convolution k=3 p=1 c=16 bias=0
stage1_block2_conv2_norm batch-normalisation
stage1_block2_add sum < stage1_block1 stage1_block2_conv2_norm
stage1_block2 pixelwise
stage1_block3_conv1 convolution k=3 p=1 c=16 bias=0
stage1_block3_conv1_norm batch-normalisation
stage1_block3_conv1_relu pixelwise
stage1_block3_conv2 convolution k=3 p=1 c=16 bias=0
stage1_block3_conv2_norm batch-normalisation
stage1_block3_add sum < stage1_block2 stage1_block3_conv2_norm
stage1_block3 pixelwise
stage1_block4_conv1 convolution k=3 p=1 c=16 bias=0
stage1_block4_conv1_norm batch-normalisation
stage1_block4_conv1_relu pixelwise
stage1_block4_conv2 convolution k=3 p=1 c=16 bias=0
stage1_block4_conv2_norm batch-normalisation
stage1_block4_add sum < stage1_block3 stage1_block4_conv2_norm
stage1_block4 pixelwise
stage1_block5_conv1 convolution k=3 p=1 c=16 bias=0
stage1_block5_conv1_norm batch-normalisation
stage1_block5_conv1_relu pixelwise
stage1_block5_conv2 convolution k=3 p=1 c=16 bias=0
stage1_block5_conv2_norm batch-normalisation
stage1_block5_add sum < stage1_block4 stage1_block5_conv2_norm
stage1_block5 pixelwise
stage1_block6_conv1 convolution k=3 p=1 c=16 bias=0
stage1_block6_conv1_norm batch-normalisation
stage1_block6_conv1_relu pixelwise
stage1_block6_conv2 convolution k=3 p=1 c=16 bias=0
stage1_block6_conv2_norm batch-normalisation
stage1_block6_add sum < stage1_block5 stage1_block6_conv2_norm
stage1_block6 pixelwise
stage1_block7_conv1 convolution k=3 p=1 c=16 bias=0
stage1_block7_conv1_norm batch-normalisation
stage1_block7_conv1_relu pixelwise
stage1_block7_conv2 convolution k=3 p=1 c=16 bias=0
stage1_block7_conv2_norm batch-normalisation
stage1_block7_add sum < stage1_block6 stage1_block7_conv2_norm
stage1_block7 pixelwise
stage1_block8_conv1 convolution k=3 p=1 c=16 bias=0
stage1_block8_conv1_norm batch-normalisation
stage1_block8_conv1_relu pixelwise
stage1_block8_conv2 convolution k=3 p=1 c=16 bias=0
stage1_block8_conv2_norm batch-normalisation
stage1_block8_add sum < stage1_block7 stage1_block8_conv2_norm
stage1_block8 pixelwise
stage1_block9_conv1 convolution k=3 p=1 c=16 bias=0
stage1_block9_conv1_norm batch-normalisation
stage1_block9_conv1_relu pixelwise
stage1_block9_conv2 convolution k=3 p=1 c=16 bias=0
stage1_block9_conv2_norm batch-normalisation
stage1_block9_add sum < stage1_block8 stage1_block9_conv2_norm
stage1_block9 pixelwise
stage2_block1_subsample pooling k=1 s=2
stage2_block1_zeros zero-maps c=32
stage2_block1_conv1_pad padding p=1 < stage1_block9
stage2_block1_conv1 convolution k=3 s=2 c=32 bias=0
stage2_block1_conv1_norm batch-normalisation
stage2_block1_conv1_relu pixelwise
stage2_block1_conv2 convolution k=3 p=1 c=32 bias=0
stage2_block1_conv2_norm batch-normalisation
stage2_block1_add sum < stage2_block1_zeros stage2_block1_conv2_norm
stage2_block1 pixelwise
stage2_block2_conv1 convolution k=3 p=1 c=32 bias=0
stage2_block2_conv1_norm batch-normalisation
stage2_block2_conv1_relu pixelwise
stage2_block2_conv2 convolution k=3 p=1 c=32 bias=0
stage2_block2_conv2_norm batch-normalisation
stage2_block2_add sum < stage2_block1 stage2_block2_conv2_norm
stage2_block2 pixelwise
stage2_block3_conv1 convolution k=3 p=1 c=32 bias=0
stage2_block3_conv1_norm batch-normalisation
stage2_block3_conv1_relu pixelwise
stage2_block3_conv2 convolution k=3 p=1 c=32 bias=0
stage2_block3_conv2_norm batch-normalisation
stage2_block3_add sum < stage2_block2 stage2_block3_conv2_norm
stage2_block3 pixelwise
stage2_block4_conv1 convolution k=3 p=1 c=32 bias=0
stage2_block4_conv1_norm batch-normalisation
stage2_block4_conv1_relu pixelwise
stage2_block4_conv2 convolution k=3 p=1 c=32 bias=0
stage2_block4_conv2_norm batch-normalisation
stage2_block4_add sum < stage2_block3 stage2_block4_conv2_norm
stage2_block4 pixelwise
stage2_block5_conv1 convolution k=3 p=1 c=32 bias=0
stage2_block5_conv1_norm batch-normalisation
stage2_block5_conv1_relu pixelwise
stage2_block5_conv2 convolution k=3 p=1 c=32 bias=0
stage2_block5_conv2_norm batch-normalisation
stage2_block5_add sum < stage2_block4 stage2_block5_conv2_norm
stage2_block5 pixelwise
stage2_block6_conv1 convolution k=3 p=1 c=32 bias=0
stage2_block6_conv1_norm batch-normalisation
stage2_block6_conv1_relu pixelwise
stage2_block6_conv2 convolution k=3 p=1 c=32 bias=0
stage2_block6_conv2_norm batch-normalisation
stage2_block6_add sum < stage2_block5 stage2_block6_conv2_norm
stage2_block6 pixelwise
stage2_block7_conv1 convolution k=3 p=1 c=32 bias=0
stage2_block7_conv1_norm batch-normalisation
stage2_block7_conv1_relu pixelwise
stage2_block7_conv2 convolution k=3 p=1 c=32 bias=0
stage2_block7_conv2_norm batch-normalisation
stage2_block7_add sum < stage2_block6 stage2_block7_conv2_norm
stage2_block7 pixelwise
stage2_block8_conv1 convolution k=3 p=1 c=32 bias=0
stage2_block8_conv1_norm batch-normalisation
stage2_block8_conv1_relu pixelwise
stage2_block8_conv2 convolution k=3 p=1 c=32 bias=0
stage2_block8_conv2_norm batch-normalisation
stage2_block8_add sum < stage2_block7 stage2_block8_conv2_norm
stage2_block8 pixelwise
stage2_block9_conv1 convolution k=3 p=1 c=32 bias=0
stage2_block9_conv1_norm batch-normalisation
stage2_block9_conv1_relu pixelwise
stage2_block9_conv2 convolution k=3 p=1 c=32 bias=0
stage2_block9_conv2_norm batch-normalisation
stage2_block9_add sum < stage2_block8 stage2_block9_conv2_norm
stage2_block9 pixelwise
stage3_block1_subsample pooling k=1 s=2
stage3_block1_zeros zero-maps c=64
stage3_block1_conv1_pad padding p=1 < stage2_block9
stage3_block1_conv1 convolution k=3 s=2 c=64 bias=0
stage3_block1_conv1_norm batch-normalisation
stage3_block1_conv1_relu pixelwise
stage3_block1_conv2 convolution k=3 p=1 c=64 bias=0
stage3_block1_conv2_norm batch-normalisation
stage3_block1_add sum < stage3_block1_zeros stage3_block1_conv2_norm
stage3_block1 pixelwise
stage3_block2_conv1 convolution k=3 p=1 c=64 bias=0
stage3_block2_conv1_norm batch-normalisation
stage3_block2_conv1_relu pixelwise
stage3_block2_conv2 convolution k=3 p=1 c=64 bias=0
stage3_block2_conv2_norm batch-normalisation
stage3_block2_add sum < stage3_block1 stage3_block2_conv2_norm
stage3_block2 pixelwise
stage3_block3_conv1 convolution k=3 p=1 c=64 bias=0
stage3_block3_conv1_norm batch-normalisation
stage3_block3_conv1_relu pixelwise
stage3_block3_conv2 convolution k=3 p=1 c=64 bias=0
stage3_block3_conv2_norm batch-normalisation
stage3_block3_add sum < stage3_block2 stage3_block3_conv2_norm
stage3_block3 pixelwise
stage3_block4_conv1 convolution k=3 p=1 c=64 bias=0
stage3_block4_conv1_norm batch-normalisation
stage3_block4_conv1_relu pixelwise
stage3_block4_conv2 convolution k=3 p=1 c=64 bias=0
stage3_block4_conv2_norm batch-normalisation
stage3_block4_add sum < stage3_block3 stage3_block4_conv2_norm
stage3_block4 pixelwise
stage3_block5_conv1 convolution k=3 p=1 c=64 bias=0
stage3_block5_conv1_norm batch-normalisation
stage3_block5_conv1_relu pixelwise
stage3_block5_conv2 convolution k=3 p=1 c=64 bias=0
stage3_block5_conv2_norm batch-normalisation
stage3_block5_add sum < stage3_block4 stage3_block5_conv2_norm
stage3_block5 pixelwise
stage3_block6_conv1 convolution k=3 p=1 c=64 bias=0
stage3_block6_conv1_norm batch-normalisation
stage3_block6_conv1_relu pixelwise
stage3_block6_conv2 convolution k=3 p=1 c=64 bias=0
stage3_block6_conv2_norm batch-normalisation
stage3_block6_add sum < stage3_block5 stage3_block6_conv2_norm
stage3_block6 pixelwise
stage3_block7_conv1 convolution k=3 p=1 c=64 bias=0
stage3_block7_conv1_norm batch-normalisation
stage3_block7_conv1_relu pixelwise
stage3_block7_conv2 convolution k=3 p=1 c=64 bias=0
stage3_block7_conv2_norm batch-normalisation
stage3_block7_add sum < stage3_block6 stage3_block7_conv2_norm
stage3_block7 pixelwise
stage3_block8_conv1 convolution k=3 p=1 c=64 bias=0
stage3_block8_conv1_norm batch-normalisation
stage3_block8_conv1_relu pixelwise
stage3_block8_conv2 convolution k=3 p=1 c=64 bias=0
stage3_block8_conv2_norm batch-normalisation
stage3_block8_add sum < stage3_block7 stage3_block8_conv2_norm
stage3_block8 pixelwise
stage3_block9_conv1 convolution k=3 p=1 c=64 bias=0
stage3_block9_conv1_norm batch-normalisation
stage3_block9_conv1_relu pixelwise
stage3_block9_conv2 convolution k=3 p=1 c=64 bias=0
stage3_block9_conv2_norm batch-normalisation
stage3_block9_add sum < stage3_block8 stage3_block9_conv2_norm
stage3_block9 pixelwise
avg_pool mean
fc dense c=10
`,
};
