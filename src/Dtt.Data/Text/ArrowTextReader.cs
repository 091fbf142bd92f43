using Apache.Arrow;
using Apache.Arrow.Compression;
using Apache.Arrow.Ipc;
using Apache.Arrow.Types;
using Dtt.Core.Configuration;
using Dtt.Core.Errors;

namespace Dtt.Data.Text;

/// <summary>Documents of an Arrow file or stream: the text column's value of each row. One record batch at a time is held.</summary>
internal sealed class ArrowTextReader : RecordReader
{
    private readonly ArrowStreamReader _reader;
    private readonly string _name;
    private readonly int[] _path; // of the column, through structures
    private readonly List<IArrowArray> _arrays = []; // the structures that it lies in, and itself last
    private RecordBatch? _batch;
    private int _row, _document = -1;
    private long _rowsBefore;

    public ArrowTextReader(TextSlice slice, int most) : base(slice, most)
    {
        var stream = new FileStream(slice.File, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16, FileOptions.SequentialScan);
        try
        {
            Span<byte> head = stackalloc byte[FileMagic.Bytes];
            var isFile = FileMagic.KindOf(head[..stream.ReadAtLeast(head, head.Length, throwOnEndOfStream: false)]) == TextKind.Arrow;
            stream.Position = 0;
            var codecs = new CompressionCodecFactory();
            _reader = isFile ? new ArrowFileReader(stream, codecs) : new ArrowStreamReader(stream, codecs);
            var columns = Guarded(() => ColumnsOf(_reader.GetSchema().AsTask().GetAwaiter().GetResult()), "its schema");
            var number = TextColumn.Find(slice.File, [.. columns.Select(c => c.Column)], slice.TextField);
            (_name, _path) = (columns[number].Column.Name, columns[number].Path);
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    public override ReadOnlySpan<byte> Document => _document < 0 ? [] : ValueOf(_arrays[^1], _document);

    private protected override string Field => _name;

    private protected override string Place => $"row {_rowsBefore + _row:N0}";

    public override void Dispose()
    {
        _batch?.Dispose();
        _reader.Dispose();
    }

    private protected override bool NextRecord()
    {
        _document = -1;
        while (_batch is null || _row == _batch.Length)
        {
            if (!NextBatch()) return false;
        }

        var row = _row++;
        try
        {
            if (_arrays.Any(a => a.IsNull(row))) throw Wrong($"has a null in '{_name}'");
            _ = ValueOf(_arrays[^1], row).Length; // whether the value lies where it is said to be
        }
        catch (Exception e) when (IsOfTheFile(e))
        {
            throw Damaged(Place, e.Message, e);
        }

        _document = row;
        return true;
    }

    private bool NextBatch()
    {
        _rowsBefore += _batch?.Length ?? 0;
        _batch?.Dispose();
        (_batch, _row) = (null, 0);
        _arrays.Clear();
        var place = $"the record batch at row {_rowsBefore + 1:N0}";
        _batch = Guarded(_reader.ReadNextRecordBatch, place);
        if (_batch is null) return false;
        _arrays.AddRange(Guarded(() => ArraysOf(_batch), place));
        if (_arrays.Any(a => a.Length < _batch.Length)) throw Damaged(place, "a column has fewer rows than its batch");
        return true;
    }

    private List<IArrowArray> ArraysOf(RecordBatch batch)
    {
        List<IArrowArray> arrays = [batch.Column(_path[0])];
        foreach (var child in _path.AsSpan(1)) arrays.Add(((StructArray)arrays[^1]).Fields[child]);
        return arrays;
    }

    private static ReadOnlySpan<byte> ValueOf(IArrowArray array, int row) => array switch
    {
        BinaryArray a => a.GetBytes(row),
        LargeBinaryArray a => a.GetBytes(row),
        BinaryViewArray a => a.GetBytes(row),
        _ => throw new InvalidDataException($"the column is of {array.Data.DataType.Name}"),
    };

    private static List<(TextColumn Column, int[] Path)> ColumnsOf(Schema schema)
    {
        var columns = new List<(TextColumn, int[])>();
        AddColumns(schema.FieldsList, "", [], columns);
        return columns;
    }

    /// <summary>Adds columns, those within structures too.</summary>
    private static void AddColumns(IReadOnlyList<Field> fields, string prefix, int[] path, List<(TextColumn, int[])> columns)
    {
        foreach (var (i, field) in fields.Index())
        {
            var (name, type) = (prefix + field.Name, field.DataType);
            if (type is StructType structure) AddColumns(structure.Fields, name + ".", [.. path, i], columns);
            var isString = type.TypeId is ArrowTypeId.String or ArrowTypeId.LargeString or ArrowTypeId.StringView;
            var isText = isString || type.TypeId is ArrowTypeId.Binary or ArrowTypeId.LargeBinary or ArrowTypeId.BinaryView;
            if (type is not StructType) columns.Add((new TextColumn(name, type.Name, isText, isString && path.Length == 0), [.. path, i]));
        }
    }

    private T Guarded<T>(Func<T> action, string place)
    {
        try
        {
            return action();
        }
        catch (Exception e) when (IsOfTheFile(e))
        {
            throw Damaged(place, e.Message, e);
        }
    }

    /// <summary>Whether an error is one of the file: of damaged bytes the library throws whatever it stumbles over, plain exceptions too.</summary>
    private static bool IsOfTheFile(Exception e) => e is not (BadDataException or BadDocumentException);

    private BadDataException Damaged(string place, string what, Exception? inner = null) =>
        new($"{Slice.File}: the Arrow file is damaged in {place}: {what.ReplaceLineEndings(" ").TrimEnd('.')}. Copy or download the file again.", inner);
}
