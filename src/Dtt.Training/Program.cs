using System.Globalization;
using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Core.Ranks;
using Dtt.Core.Runs;
using Dtt.Training;
using Dtt.Training.Benchmarks;
using Dtt.Training.Collectives;
using Dtt.Training.Evaluation;
using Dtt.Training.HuggingFace;
using Dtt.Training.Native;
using Dtt.Training.Ranks;
using Microsoft.Win32.SafeHandles;

// dtt-rank: one rank, one device. Started by a host over pipes, or on its own with --standalone.
CultureInfo.DefaultThreadCurrentCulture = CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
return args switch
{
    ["--pipe", var input, var output, "--parent", var parent] => Hosted(input, output, parent),
    ["--standalone", var config, .. var sets] => Standalone(config, sets),
    ["--bench", var preset, var batch, var context, var pairs, var precisions, var parts, var format, .. var peer] => Bench(preset, int.Parse(batch), int.Parse(context), int.Parse(pairs), precisions, parts, format == "json", peer.FirstOrDefault()),
    ["--eager", .. var shape] => Exchange(() => EagerPeer.Run(shape)),
    ["--import", var folder, var name] => Exchange(() =>
    {
        var (run, weights) = HuggingFaceImport.Read(folder, name);
        Console.Error.WriteLine($"imported as run '{run}', weights {weights[..12]}: `dtt sample {run}`, or 'init_from: {run}' in a configuration.");
        Console.Out.WriteLine(run);
    }),
    ["--evaluate", var checkpoint, var manifest, var config, var tokens, var tokenizer, var format, .. var choices] => Exchange(() =>
    {
        var run = RunConfig.Parse(File.ReadAllText(config));
        if (choices is [var file, var most]) run = run with { Choices = file, MaxChoices = long.Parse(most) };
        EvaluateWork.Run(checkpoint, manifest, run, tokens, tokenizer, format == "json");
    }),
    ["--export", var checkpoint, var manifest, var tokenizer, var target] => Exchange(() => HuggingFaceExport.Write(checkpoint, manifest, tokenizer, target)),
    _ => Usage(),
};

static int Usage()
{
    Console.Error.WriteLine("usage: dtt-rank --standalone CONFIG [KEY=VALUE …]   train in this one process; `dtt train` is the usual way\n       dtt-rank --import FOLDER NAME | --export CHECKPOINT SHA256 TOKENIZER FOLDER   as `dtt import` and `dtt export` do");
    return ExitCodes.BadConfiguration;
}

static int Hosted(string input, string output, string parent)
{
    static FileStream Inherited(string descriptor, FileAccess access) => new(new SafeFileHandle(nint.Parse(descriptor), ownsHandle: true), access, bufferSize: 0);
    ProcessGuard.Engage(int.Parse(parent));
    var channel = new PipeChannel(new MessagePipe(Inherited(input, FileAccess.Read), Inherited(output, FileAccess.Write)));
    try
    {
        switch (channel.Spec)
        {
            case TrainSpec spec:
                using (DeviceLock.Take(spec.DeviceLock))
                using (var trainer = new Trainer(spec, RunConfig.Parse(spec.ConfigYaml), channel)) channel.Send(trainer.Run());
                break;
            case SampleSpec spec:
                SampleWork.Run(spec, RunConfig.Parse(spec.ConfigYaml), channel);
                break;
            default:
                throw new InvalidOperationException($"a rank cannot start with a {channel.Spec.GetType().Name}.");
        }

        return ExitCodes.Success;
    }
    catch (PeerLostException e)
    {
        channel.Send(new RankPeerLost(e.Message));
        return ExitCodes.Requeue;
    }
    catch (UserErrorException e)
    {
        channel.Send(new RankFailed(e.Message, e.ExitCode));
        return e.ExitCode;
    }
    catch (Exception e)
    {
        channel.Send(new RankFailed(e.ToString(), ExitCodes.Failure));
        return ExitCodes.Failure;
    }
}

static int Exchange(Action work)
{
    try
    {
        TorchRuntime.Load();
        work();
        return ExitCodes.Success;
    }
    catch (UserErrorException e)
    {
        Console.Error.WriteLine(e.Message);
        return e.ExitCode;
    }
}

static int Bench(string preset, int batch, int context, int pairs, string precisions, string parts, bool json, string? peer)
{
    var code = ExitCodes.Success;
    var failed = Exchange(() =>
    {
        var model = new ConfigReader(RunKeys.All).SetUnlessSet(ModelPresets.All[preset], preset).Values;
        code = new BenchWork(new BenchOrder(ModelConfig.From(model), batch, context, pairs, precisions.Split(','), peer, parts.Split(',', StringSplitOptions.RemoveEmptyEntries), json)).Run();
    });
    return failed != ExitCodes.Success ? failed : code;
}

static int Standalone(string file, string[] sets)
{
    try
    {
        var config = ConfigLoader.Load(file, sets.Select(s => (s.Split('=', 2)[0], s.Contains('=') ? s.Split('=', 2)[1] : "", s)), TimeProvider.System);
        var store = new FileRunStore(config.Paths.Runs, TimeProvider.System);
        var yaml = config.Values.ToYaml();
        var run = store.Create(config.Run.Name, yaml, config.Paths).Run;
        using var attempt = store.Begin(run);
        var host = new AttemptHost(store, attempt, config.Run);
        var channel = new StandaloneChannel(host);
        Console.CancelKeyPress += (_, e) =>
        {
            e.Cancel = !channel.StopRequested;
            channel.Stop();
        };
        using (var trainer = new Trainer(host.Spec(yaml), config.Run, channel)) channel.Send(trainer.Run());
        return host.End() == RunState.Completed ? ExitCodes.Success : ExitCodes.Interrupted;
    }
    catch (UserErrorException e)
    {
        Console.Error.WriteLine(e.Message);
        return e.ExitCode;
    }
}
