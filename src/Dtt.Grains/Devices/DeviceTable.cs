using Dtt.Core.Runs;

namespace Dtt.Grains.Devices;

/// <summary>
/// An agent's devices and who has them: pure. A reservation expires unless its attempt is launched; a hold ends with its ranks. A device is never in two
/// attempts. All ranks on the CPU share it: <c>cpu</c>, <c>cpu:1</c> … are that one device.
/// </summary>
/// <param name="devices">The machine's devices: <c>gpu:0</c> …, or <c>cpu</c>.</param>
public sealed class DeviceTable(IReadOnlyList<string> devices)
{
    /// <summary>How long a reservation lasts.</summary>
    public static readonly TimeSpan ReservationTime = TimeSpan.FromSeconds(30);

    /// <summary>The CPU's name.</summary>
    public const string Cpu = "cpu";

    private readonly Dictionary<string, Holder> _holders = [];

    /// <summary>The machine's devices.</summary>
    public IReadOnlyList<string> Devices => devices;

    /// <summary>The machine's GPUs, free or not.</summary>
    public int Gpus => devices.Count(d => !IsCpu(d));

    /// <summary>Whether a device is the CPU, or a rank's share of it: <c>cpu</c>, <c>cpu:1</c> …</summary>
    public static bool IsCpu(string device) => device.StartsWith(Cpu, StringComparison.Ordinal);

    /// <summary>Reserves devices of a kind, one a rank; an attempt that has some gets the same again.</summary>
    /// <returns>The devices, or none and why.</returns>
    public (IReadOnlyList<string> Devices, string? Reason) Reserve(string run, int attempt, DeviceRequest request, DateTimeOffset now)
    {
        Expire(now);
        var mine = _holders.Where(h => h.Value.Run == run && h.Value.Attempt == attempt).ToList();
        if (mine.Count > 0)
        {
            foreach (var (device, holder) in mine.Where(h => h.Value.Until is not null)) _holders[device] = holder with { Until = now + ReservationTime };
            return (Ranks([.. devices.Where(d => mine.Any(h => h.Key == d))], request), null);
        }

        var wanted = Candidates(request.WantsGpu);
        var free = wanted.Where(d => !_holders.ContainsKey(d)).Take(request.Ranks).ToArray();
        var fewest = wanted.Contains(Cpu) ? 1 : request.MinRanks;
        if (fewest > wanted.Length) return ([], $"it needs {fewest} GPUs, and this machine has {wanted.Length}: lower ranks_per_node or min_ranks");
        if (free.Length < fewest)
            return ([], string.Join(", ", wanted.Where(_holders.ContainsKey).Select(d => $"run '{Path.GetFileName(_holders[d].Run)}' has {d}")));
        foreach (var device in free) _holders[device] = new Holder(run, attempt, now + ReservationTime);
        return (Ranks(free, request), null);
    }

    /// <summary>
    /// Turns reservations into holds, or acquires free devices, and frees what the attempt reserved beside them; false, and nothing changed, when another
    /// attempt has one of them.
    /// </summary>
    public bool Hold(IReadOnlyList<string> taken, string run, int attempt, DateTimeOffset now)
    {
        Expire(now);
        var physical = taken.Select(d => IsCpu(d) ? Cpu : d).Distinct().ToList();
        if (physical.Any(d => _holders.TryGetValue(d, out var holder) && (holder.Run != run || holder.Attempt != attempt))) return false;
        Release(run, attempt);
        foreach (var device in physical) _holders[device] = new Holder(run, attempt, null);
        return true;
    }

    /// <summary>Frees what an attempt has.</summary>
    public void Release(string run, int attempt)
    {
        foreach (var device in _holders.Where(h => h.Value.Run == run && h.Value.Attempt == attempt).Select(h => h.Key).ToList()) _holders.Remove(device);
    }

    /// <summary>Who has each device; null: nobody.</summary>
    public IReadOnlyList<(string Device, string? Run, int Attempt)> List(DateTimeOffset now)
    {
        Expire(now);
        return [.. devices.Select(d => _holders.TryGetValue(d, out var h) ? (d, h.Run, h.Attempt) : (d, (string?)null, 0))];
    }

    /// <summary>A run that wants a GPU takes a GPU where there is one, else the CPU; one that does not takes the CPU.</summary>
    private string[] Candidates(bool wantsGpu)
    {
        var gpus = devices.Where(d => d.StartsWith("gpu:", StringComparison.Ordinal)).ToArray();
        return wantsGpu && gpus.Length > 0 ? gpus : [.. devices.Except(gpus)];
    }

    /// <summary>A device a rank: GPUs as they are, the CPU as many times as there are ranks.</summary>
    private static string[] Ranks(string[] physical, DeviceRequest request) =>
        physical is [Cpu] ? [.. Enumerable.Range(0, request.Ranks).Select(r => r == 0 ? Cpu : $"{Cpu}:{r}")] : physical;

    private void Expire(DateTimeOffset now)
    {
        foreach (var device in _holders.Where(h => h.Value.Until < now).Select(h => h.Key).ToList()) _holders.Remove(device);
    }

    private sealed record Holder(string Run, int Attempt, DateTimeOffset? Until);
}
