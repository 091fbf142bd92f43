using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using Dtt.Core.Diagnostics;
using Dtt.Core.Ranks;
using Dtt.Core.Runs;
using Microsoft.Win32.SafeHandles;

// dtt-rank --pipe IN OUT --parent PID: a rank that does what its run's configuration says, a line a rank, words apart by spaces.
Tracing.AllowFrom((int)Number(args[4]));
var pipe = new MessagePipe(Inherited(args[1], FileAccess.Read), Inherited(args[2], FileAccess.Write));
var spec = (TrainSpec)(await pipe.ReceiveAsync())!;
using var box = BlackBox.Open(spec.BlackBoxFile!);
foreach (var word in spec.ConfigYaml.Split('\n')[spec.Rank].Split(' '))
{
    switch (word.Split(':'))
    {
        case ["print", var line]:
            Console.WriteLine(line);
            break;
        case ["say", var what]:
            await pipe.SendAsync(new RankEvent("test", what));
            break;
        case ["listen", var endpoint]:
            await pipe.SendAsync(new RankListening(endpoint));
            await pipe.SendAsync(new RankEvent("test", string.Join(' ', ((RankPeers)(await pipe.ReceiveAsync())!).Endpoints)));
            break;
        case ["commit", var step]:
            var checkpoint = new WrittenCheckpoint { Step = Number(step), Attempt = spec.Attempt, ManifestSha256 = "m", WeightsSha256 = "w", SizeBytes = 1 };
            await pipe.SendAsync(new CommitRequest(checkpoint));
            await pipe.SendAsync(new RankEvent("test", $"{((CommitAnswer)(await pipe.ReceiveAsync())!).Reply}"));
            break;
        case ["step", var step]: // a hundredth of a second long, so that the deadlines of training are known
            await pipe.SendAsync(new MetricsReport([new StepMetrics(Number(step), new Dictionary<string, double> { [MetricNames.StepSeconds] = 0.01 })]));
            box.WriteStep(0.01);
            box.Write(RankPhase.Train, Number(step));
            break;
        case ["collectives", var begun, var completed]:
            box.WriteCollectives(Number(begun), Number(completed));
            break;
        case ["receive"]: // waits for a message, or for the end of the pipe
            await pipe.SendAsync(new RankEvent("test", $"{await pipe.ReceiveAsync()}"));
            break;
        case ["hang"]: // gives no sign until it is killed, or its parent is
            while (await pipe.ReceiveAsync() is not null) ;
            return 1;
        case ["loop"]: // computes for ever
            LoopsForEver();
            break;
        case ["block"]: // never comes back from a call of the system
            BlocksForEver();
            break;
        case ["stop"]: // is stopped by a signal
            _ = NativeCalls.Raise(19);
            break;
        case ["die"]:
            Process.GetCurrentProcess().Kill();
            break;
        case ["lose", var peer]:
            await pipe.SendAsync(new RankPeerLost($"rank {peer} is gone"));
            return 75;
        case ["fail", var message]:
            await pipe.SendAsync(new RankFailed(message, 1));
            return 1;
        case ["finish"]:
            await pipe.SendAsync(new RankFinished(0, Completed: true));
            return 0;
        case ["exit", var code]:
            return (int)Number(code);
    }
}

return 0;

// Each has a frame of its own, which tests look for.
[MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.NoOptimization)]
static void LoopsForEver()
{
    while (true) ;
}

[MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.NoOptimization)]
static void BlocksForEver() => _ = NativeCalls.Pause();

static long Number(string digits) => long.Parse(digits, CultureInfo.InvariantCulture);

static FileStream Inherited(string descriptor, FileAccess access) => new(new SafeFileHandle((nint)Number(descriptor), ownsHandle: true), access, bufferSize: 0);
