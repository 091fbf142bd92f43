using System.Globalization;
using Dtt.Core.Errors;
using Dtt.Core.Ranks;
using Dtt.Training;
using Dtt.Training.Benchmarks;
using Dtt.Training.Collectives;
using Dtt.Training.Kernels;
using Dtt.Training.Native;
using Dtt.Training.Ranks;
using Dtt.Training.Standalone;
using Microsoft.Win32.SafeHandles;

// dtt-rank: one rank, one device. Started by a host over pipes, or on its own with --standalone.
CultureInfo.DefaultThreadCurrentCulture = CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
try
{
    return args switch
    {
        ["--pipe", var input, var output, "--parent", var parent] => Hosted(input, output, parent),
        ["--standalone", var what, .. var settings] => StandaloneWork.Run(what, settings),
        ["--probe", .. var what] => Probe(what is ["nccl"]),
        ["--eager", .. var shape] => EagerPeer.Run(shape),
        ["--link", .. var link] => LinkBench.Run(link),
        _ => Usage(),
    };
}
catch (UserErrorException e)
{
    Console.Error.WriteLine(e.Message);
    return e.ExitCode;
}

static int Usage()
{
    Console.Error.WriteLine("""
        usage: dtt-rank --standalone CONFIG [KEY=VALUE …] [--no-samples]   train a new run in this one process; `dtt train` is the usual way
               dtt-rank --standalone RUN_FOLDER [--no-samples]             go on with such a run
               dtt-rank --link RANK ADDRESS_OF_0 ADDRESS_OF_1 [PAIRS]      measure an all-reduce between two machines: RANK 0 on one, 1 on the other
        """);
    return ExitCodes.BadConfiguration;
}

static int Probe(bool nccl)
{
    TorchRuntime.Load();
    if (TorchRuntime.IdleGpu(wantCuda: true) is { } idle) throw new UserErrorException(idle + ".");
    var device = TorchRuntime.Device(wantCuda: true);
    if (nccl) _ = NcclApi.Loaded;
    Console.WriteLine(TorchRuntime.Fingerprint(device, bf16: false, worldSize: 1, hasKernels: IKernels.Of(device).Missing is null, deterministic: false));
    return ExitCodes.Success;
}

static int Hosted(string input, string output, string parent)
{
    static FileStream Inherited(string descriptor, FileAccess access) =>
        new(new SafeFileHandle(nint.Parse(descriptor), ownsHandle: true), access, bufferSize: 0);
    ProcessGuard.Engage(int.Parse(parent));
    var channel = new PipeChannel(new MessagePipe(Inherited(input, FileAccess.Read), Inherited(output, FileAccess.Write)));
    return HostedWork.Run(channel);
}
