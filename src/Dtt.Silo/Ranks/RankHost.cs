using System.Collections.Concurrent;
using System.Globalization;
using Dtt.Abstractions;
using Dtt.Core.Errors;
using Dtt.Core.Platform;
using Dtt.Core.Ranks;
using Dtt.Core.Runs;
using Dtt.Core.Security;
using Dtt.Grains.Agents;
using Dtt.Grains.Devices;
using Microsoft.Extensions.Logging;

namespace Dtt.Silo.Ranks;

/// <summary>The ranks of this node and the devices they hold. What an attempt's number already started, or ended, is never started again.</summary>
internal sealed partial class RankHost(
    PlatformFolders folders, NodeAddress address, PlatformCertificates certificates, IGrainFactory grains, TimeProvider time, ILogger<RankHost> log)
{
    private const string Ending = "the silo is ending";
    private readonly Lock _gate = new();
    private readonly DeviceTable _devices = new(DeviceInventory.Find());
    private readonly Dictionary<string, RankSupervisor> _living = [];
    private readonly Dictionary<string, (DateTimeOffset RunCreatedAt, int Attempt)> _newest = [];
    private readonly ConcurrentDictionary<string, Task> _work = new();
    private readonly CancellationTokenSource _ending = new();
    private bool _draining;

    /// <summary>What lives here, a line each.</summary>
    public IReadOnlyList<string> Work
    {
        get
        {
            lock (_gate) return [.. _living.Select(l => $"run '{Path.GetFileName(l.Key)}', attempt {l.Value.Attempt}, process {l.Value.Process}")];
        }
    }

    /// <summary>Who has which device, a line each.</summary>
    public IReadOnlyList<string> Devices
    {
        get
        {
            lock (_gate)
            {
                return
                [
                    .. _devices.List(time.GetUtcNow())
                        .Select(d => d.Run is null ? $"{d.Device}: free" : $"{d.Device}: run '{Path.GetFileName(d.Run)}', attempt {d.Attempt}"),
                ];
            }
        }
    }

    /// <summary>Reserves devices.</summary>
    public ReserveReply Reserve(string run, int attempt, DeviceRequest request)
    {
        lock (_gate)
        {
            if (_draining) return new ReserveReply([], Ending);
            var (devices, reason) = _devices.Reserve(run, attempt, request, time.GetUtcNow());
            return new ReserveReply(devices, reason, _devices.Gpus);
        }
    }

    /// <summary>Gives a reservation back.</summary>
    public void Release(string run, int attempt)
    {
        lock (_gate)
        {
            if (!_living.ContainsKey(run)) _devices.Release(run, attempt);
        }
    }

    /// <summary>Starts the ranks of an attempt.</summary>
    public void Launch(LaunchRequest request, NodeRef here)
    {
        var (run, attempt) = (request.Spec.RunFolder, request.Spec.Attempt);
        lock (_gate)
        {
            // A run that was deleted, perhaps by another node, and made again is another run, whose attempts begin with 1.
            var mine = (request.Spec.RunCreatedAt, attempt);
            if (_newest.TryGetValue(run, out var newest) && newest.CompareTo(mine) >= 0) return;
            _newest[run] = mine;
            var before = _work.GetValueOrDefault(run, Task.CompletedTask);
            if (_living.GetValueOrDefault(run) is { } older) older.Kill();
            _work[run] = Task.Run(() => SuperviseAsync(request, here, before));
        }
    }

    /// <summary>Asks the ranks of an attempt to save and leave.</summary>
    public void Stop(string run, int attempt)
    {
        lock (_gate)
        {
            if (_living.GetValueOrDefault(run) is { } rank && rank.Attempt == attempt) rank.Stop();
        }
    }

    /// <summary>Starts nothing any more, has every rank save and leave, and waits until the runs know.</summary>
    /// <param name="longest">How long it waits.</param>
    /// <returns>What still lives then, a line each.</returns>
    public async Task<IReadOnlyList<string>> DrainAsync(TimeSpan longest)
    {
        lock (_gate)
        {
            _draining = true;
            foreach (var rank in _living.Values) rank.Stop();
        }

        await Task.WhenAny(Task.WhenAll(_work.Values), Task.Delay(longest, time));
        var living = Work;
        await _ending.CancelAsync();
        return living;
    }

    /// <summary>Forgets a run that is deleted: another of its name begins with attempt 1 again.</summary>
    public void Forget(string run)
    {
        lock (_gate)
        {
            if (_living.ContainsKey(run)) return;
            _newest.Remove(run, out _);
            _work.Remove(run, out _);
        }
    }

    private async Task SuperviseAsync(LaunchRequest request, NodeRef here, Task before)
    {
        var (run, attempt) = (request.Spec.RunFolder, request.Spec.Attempt);
        await before.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        IReadOnlyList<(string, string)> devices = [];
        string? cannotLock = null;
        try
        {
            devices = [.. request.Devices.Select(d => (d, DeviceInventory.LockFile(d, folders, SlurmJob.Id)))];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or UserErrorException)
        {
            cannotLock = $"its devices could not be locked: {e.Message}";
        }

        var supervisor = new RankSupervisor(request with { Spec = Completed(request) }, grains.Run(run), here, devices, time, log);
        try
        {
            AttemptEnd end;
            bool held, ending;
            lock (_gate)
            {
                ending = _draining; // a rank that begins now would hear of no drain
                held = !ending && _devices.Hold(request.Devices, run, attempt, time.GetUtcNow());
                if (held) _living[run] = supervisor;
            }

            try
            {
                var refusal = ending ? CauseCard.Of(DeathKind.Silo, Ending)
                    : cannotLock is not null ? CauseCard.Of(DeathKind.Rank, cannotLock)
                    : held ? null
                    : CauseCard.Of(DeathKind.Outside, $"{string.Join(", ", request.Devices)}: taken by another attempt before its ranks could start");
                end = refusal is null ? await supervisor.RunAsync() : new AttemptEnd(attempt, null, refusal with { Node = here.Node });
            }
            finally
            {
                // The devices are freed before the end is reported: the run queues again at once.
                lock (_gate)
                {
                    if (held) _living.Remove(run);
                    _devices.Release(run, attempt);
                }
            }

            await supervisor.TellAsync(end, _ending.Token);
        }
        catch (Exception e)
        {
            LogSupervisionFailed(request.Spec.Run, attempt, e);
            if (_ending.IsCancellationRequested) return;
            var cause = CauseCard.Of(DeathKind.Rank, $"its supervision failed, which is a bug in DTT: {e}") with { Node = here.Node };
            var end = new AttemptEnd(attempt, null, cause);
            await supervisor.TellAsync(end, _ending.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>
    /// With what only nodes know: where ranks listen, and what they prove to each other that they know. Every silo derives the same from the platform's own
    /// key, so no secret is sent or stored.
    /// </summary>
    private TrainSpec Completed(LaunchRequest request) => request.Spec.WorldSize == 1 ? request.Spec : request.Spec with
    {
        ListenAddress = request.Devices.Count == request.Spec.WorldSize ? NodeAddress.Loopback : address.Value,
        Secret = certificates.DeriveSecret(string.Create(CultureInfo.InvariantCulture, $"{request.Spec.RunFolder}\n{request.Spec.Attempt}")),
    };

    [LoggerMessage(3011, LogLevel.Error, "run {Run}, attempt {Attempt}: the supervision ended in an error")]
    private partial void LogSupervisionFailed(string run, int attempt, Exception exception);
}
