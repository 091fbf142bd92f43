using System.IO.MemoryMappedFiles;

namespace Dtt.Core.Ranks;

/// <summary>
/// What a rank was last doing, in a memory-mapped page: written without a system call, readable by the host while the rank lives, while it hangs, and
/// after its death. Little-endian: magic (8 bytes), sequence (8; odd while being written), phase (8), step (8), time (8; milliseconds of the machine's
/// monotonic clock), collectives begun (8) and completed (8), duration of the newest step
/// (8; seconds, a double; 0 before the first).
/// </summary>
public sealed class BlackBox : IDisposable
{
    private const long Magic = 0x3130_584F_4254_5444; // "DTTBOX01"
    private const int Size = 4096;
    private const int MaxReads = 200; // about a fifth of a second: no living writer is away for so long
    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;

    private BlackBox(MemoryMappedFile file)
    {
        _file = file;
        _view = file.CreateViewAccessor(0, Size);
    }

    /// <summary>Makes an empty box; the host does, before it starts the rank.</summary>
    public static BlackBox Create(string path)
    {
        File.WriteAllBytes(path, new byte[Size]);
        var box = Open(path);
        box._view.Write(0, Magic);
        box.Write(RankPhase.Init, 0);
        return box;
    }

    /// <summary>Opens a box; the rank does.</summary>
    /// <exception cref="InvalidDataException">The file is something else.</exception>
    public static BlackBox Open(string path)
    {
        if (new FileInfo(path).Length != Size) throw new InvalidDataException($"{path} is not a black box: it does not have {Size} bytes.");
        return new BlackBox(MemoryMappedFile.CreateFromFile(path, FileMode.Open, null, Size));
    }

    /// <summary>Notes that the rank is alive in this phase after this many steps.</summary>
    public void Write(RankPhase phase, long step)
    {
        var sequence = _view.ReadInt64(8);
        _view.Write(8, sequence + 1);
        Thread.MemoryBarrier();
        _view.Write(16, (long)phase);
        _view.Write(24, step);
        _view.Write(32, Environment.TickCount64);
        Thread.MemoryBarrier();
        _view.Write(8, sequence + 2);
    }

    /// <summary>Notes collective operations: while one more was begun than completed, the rank waits for its peers.</summary>
    public void WriteCollectives(long begun, long completed)
    {
        _view.Write(40, begun);
        _view.Write(48, completed);
        _view.Write(32, Environment.TickCount64);
    }

    /// <summary>Notes how long the newest step of the attempt took, seconds.</summary>
    public void WriteStep(double seconds) => _view.Write(56, seconds);

    /// <summary>How long the newest step of the attempt took, seconds; 0: none is done yet.</summary>
    public double ReadStepSeconds() => _view.ReadDouble(56);

    /// <summary>Collective operations begun and completed.</summary>
    public (long Begun, long Completed) ReadCollectives() => (_view.ReadInt64(40), _view.ReadInt64(48));

    /// <summary>The last note: phase, steps done, and how long ago. A note that a death interrupted is read as it is.</summary>
    public (RankPhase Phase, long Step, TimeSpan Age) Read()
    {
        for (var wait = new SpinWait(); ; wait.SpinOnce())
        {
            var before = _view.ReadInt64(8);
            Thread.MemoryBarrier();
            var (phase, step, time) = ((RankPhase)_view.ReadInt64(16), _view.ReadInt64(24), _view.ReadInt64(32));
            Thread.MemoryBarrier();
            if ((before % 2 == 0 && _view.ReadInt64(8) == before) || wait.Count == MaxReads)
                return (phase, step, TimeSpan.FromMilliseconds(Math.Max(0, Environment.TickCount64 - time)));
        }
    }

    /// <summary>Unmaps the page; the file stays.</summary>
    public void Dispose()
    {
        _view.Dispose();
        _file.Dispose();
    }
}
