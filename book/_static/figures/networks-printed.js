// The papers' own networks. Errors in percent as printed, for the validation images of ImageNet
// 2012; parameters, and MACs and activations of one view, by cnnlib.account; tested: MACs of all
// views, where their number is printed.
// Written by tools/export_depth_and_cost.py.
window.cnnlib = window.cnnlib || {};
cnnlib.printed =
[
  {"name": "AlexNet", "year": 2012, "parameters": 60965224, "macs": 724406816, "activations": 1413347, "top1": 40.7, "top5": 18.2, "tested": 7244068160, "protocol": "10 views", "source": "Krizhevsky et al., Table 2"},
  {"name": "VGG A", "year": 2014, "parameters": 132863336, "macs": 7609090048, "activations": 9116136, "top1": 29.6, "top5": 10.4, "protocol": "slid, 256", "source": "Simonyan and Zisserman, Table 3"},
  {"name": "VGG A-LRN", "year": 2014, "parameters": 132863336, "macs": 7609090048, "activations": 12327400, "top1": 29.7, "top5": 10.5, "protocol": "slid, 256", "source": "Simonyan and Zisserman, Table 3"},
  {"name": "VGG B", "year": 2014, "parameters": 133047848, "macs": 11308466176, "activations": 13933032, "top1": 28.7, "top5": 9.9, "protocol": "slid, 256", "source": "Simonyan and Zisserman, Table 3"},
  {"name": "VGG C", "year": 2014, "parameters": 133638952, "macs": 11770888192, "activations": 15237608, "top1": 28.1, "top5": 9.4, "protocol": "slid, 256", "source": "Simonyan and Zisserman, Table 3"},
  {"name": "VGG C", "year": 2014, "parameters": 133638952, "macs": 11770888192, "activations": 15237608, "top1": 27.3, "top5": 8.8, "protocol": "slid, 384", "source": "Simonyan and Zisserman, Table 3"},
  {"name": "VGG D", "year": 2014, "parameters": 138357544, "macs": 15470264320, "activations": 15237608, "top1": 27.0, "top5": 8.8, "protocol": "slid, 256", "source": "Simonyan and Zisserman, Table 3"},
  {"name": "VGG D", "year": 2014, "parameters": 138357544, "macs": 15470264320, "activations": 15237608, "top1": 25.6, "top5": 8.1, "protocol": "slid, 384", "source": "Simonyan and Zisserman, Table 3"},
  {"name": "VGG D", "year": 2014, "parameters": 138357544, "macs": 15470264320, "activations": 15237608, "top1": 28.07, "top5": 9.33, "tested": 154702643200, "protocol": "10 views", "source": "tested by He et al., Table 3"},
  {"name": "VGG E", "year": 2014, "parameters": 143667240, "macs": 19632062464, "activations": 16542184, "top1": 27.3, "top5": 9.0, "protocol": "slid, 256", "source": "Simonyan and Zisserman, Table 3"},
  {"name": "VGG E", "year": 2014, "parameters": 143667240, "macs": 19632062464, "activations": 16542184, "top1": 25.5, "top5": 8.0, "protocol": "slid, 384", "source": "Simonyan and Zisserman, Table 3"},
  {"name": "GoogLeNet", "year": 2014, "parameters": 6998552, "macs": 1582671872, "activations": 6993284, "top5": 10.07, "tested": 1582671872, "protocol": "1 view", "source": "Szegedy et al., Table 3"},
  {"name": "GoogLeNet", "year": 2014, "parameters": 6998552, "macs": 1582671872, "activations": 6993284, "top5": 9.15, "tested": 15826718720, "protocol": "10 views", "source": "He et al., Table 3"},
  {"name": "GoogLeNet", "year": 2014, "parameters": 6998552, "macs": 1582671872, "activations": 6993284, "top5": 7.89, "tested": 227904749568, "protocol": "144 views", "source": "Szegedy et al., Table 3"},
  {"name": "plain 18", "year": 2015, "parameters": 11515688, "macs": 1794805760, "activations": 8663508, "top1": 27.94, "tested": 17948057600, "protocol": "10 views", "source": "He et al., Table 2"},
  {"name": "ResNet 18", "year": 2015, "parameters": 11515688, "macs": 1794805760, "activations": 9679572, "top1": 27.88, "tested": 17948057600, "protocol": "10 views", "source": "He et al., Table 2"},
  {"name": "plain 34", "year": 2015, "parameters": 21623848, "macs": 3644493824, "activations": 12426708, "top1": 28.54, "top5": 10.02, "tested": 36444938240, "protocol": "10 views", "source": "He et al., Table 3"},
  {"name": "ResNet 34 A", "year": 2015, "parameters": 21623848, "macs": 3644493824, "activations": 14069972, "top1": 25.03, "top5": 7.76, "tested": 36444938240, "protocol": "10 views", "source": "He et al., Table 3"},
  {"name": "ResNet 34 B", "year": 2015, "parameters": 21797672, "macs": 3663761408, "activations": 14157780, "top1": 24.52, "top5": 7.46, "tested": 36637614080, "protocol": "10 views", "source": "He et al., Table 3"},
  {"name": "ResNet 34 C", "year": 2015, "parameters": 22716840, "macs": 3830747136, "activations": 16566228, "top1": 24.19, "top5": 7.4, "tested": 38307471360, "protocol": "10 views", "source": "He et al., Table 3"},
  {"name": "ResNet 50", "year": 2015, "parameters": 25557032, "macs": 3857973248, "activations": 37120212, "top1": 22.85, "top5": 6.71, "tested": 38579732480, "protocol": "10 views", "source": "He et al., Table 3"},
  {"name": "ResNet 101", "year": 2015, "parameters": 44549160, "macs": 7570194432, "activations": 55886036, "top1": 21.75, "top5": 6.05, "tested": 75701944320, "protocol": "10 views", "source": "He et al., Table 3"},
  {"name": "ResNet 152", "year": 2015, "parameters": 60192808, "macs": 11282415616, "activations": 79067348, "top1": 21.43, "top5": 5.71, "tested": 112824156160, "protocol": "10 views", "source": "He et al., Table 3"}
];
