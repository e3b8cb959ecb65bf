// Recorded runs of chapter 5: the experiment nin-neck of cnnlib/experiments.py,
// 25 records made 2026-11-28 on AMD EPYC, 2 cores.
// cifar10 (16x16), 10,000 training images, 1,250 iterations. By width of the neck: test
// errors in percent, a number a seed; MACs of one image, of them those of the 1x1 layer that
// makes the neck and those of the 5x5 behind it; error less that of 32, with its 95 % interval.
// Written by tools/export_depth_and_cost.py.
window.cnnlib = window.cnnlib || {};
cnnlib.neckRuns =
{"images":10000,"tests":10000,"passes":4,"necks":[{"width":2,"errors":[61.7,67.12,61.05,70.56,63.45],
"parameters":17652,"macs":1225728,"narrowing":12288,"behind":102400,"less":[7.23,2.25,12.22]},{"width":4,
"errors":[58.43,61.42,63.31,60.9,60.74],"parameters":19302,"macs":1340416,"narrowing":24576,"behind":204800,
"less":[3.42,1.17,5.67]},{"width":8,"errors":[60.13,59.35,62.22,59.49,58.22],"parameters":22602,
"macs":1569792,"narrowing":49152,"behind":409600,"less":[2.34,0.98,3.69]},{"width":16,"errors":[58.57,60.37,
56.96,57.55,58.23],"parameters":29202,"macs":2028544,"narrowing":98304,"behind":819200,"less":[0.79,-1.03,
2.62]},{"width":32,"errors":[57.88,57.93,58.01,57.72,56.18],"parameters":42402,"macs":2946048,
"narrowing":196608,"behind":1638400}]};
