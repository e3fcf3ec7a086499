# Goldens of the entropy and percentile calibrations, from onnxruntime.quantization.
import json, sys, io, contextlib, numpy as np, logging
from onnxruntime.quantization.calibrate import HistogramCollector
rng = np.random.default_rng(7)
cases=[]
def lcg(n, seed):
    s = (seed*2654435761+1) & 0xffffffff; out=[]
    for _ in range(n*4):
        s = (s*1664525+1013904223) & 0xffffffff; out.append(s/2**32)
    u=np.array(out).reshape(n,4)
    return ((((u[:,0]+u[:,1])+u[:,2])+u[:,3]-2)*1.7).astype(np.float32)
data={'normal':lcg(20000,1),'relu':np.maximum(lcg(20000,2),0),'outlier':np.concatenate([lcg(20000,3),np.float32([40,-25])])}
for name,x in data.items():
    for bins,levels in ((128,128),(512,128),(2048,128),(2048,256)):
        with contextlib.redirect_stdout(io.StringIO()):
            c=HistogramCollector('entropy',False,bins,levels,99.999,'same'); c.collect({'t':[x]}); r=c.compute_collection_result()['t']
        cases.append(dict(method='entropy',data=name,bins=bins,levels=levels,min=float(r[0]),max=float(r[1])))
    for p in (99.0,99.9,99.999):
        with contextlib.redirect_stdout(io.StringIO()):
            c=HistogramCollector('percentile',True,2048,128,p,'same'); c.collect({'t':[x]}); r=c.compute_collection_result()['t']
        cases.append(dict(method='percentile',data=name,bins=2048,percentile=p,min=float(r[0]),max=float(r[1])))
import onnxruntime
print(json.dumps(dict(source=f'onnxruntime.quantization {onnxruntime.__version__}, HistogramCollector; made by bench/peers/calibration_goldens.py',cases=cases),indent=1))
